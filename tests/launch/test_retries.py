"""What fails midway is tried again, what cannot work is not."""

from functools import partial

import pytest
from omegaconf import OmegaConf

from rm_train.launch.checks import ConfigError
from rm_train.launch.process import ProcessFailedError
from rm_train.launch.retries import check_room, patiently, with_retries
from rm_train.storage.errors import StorageError


class Attempts:
    """Attempts that fail a number of times, and what was done between them."""

    def __init__(self, failures: int) -> None:
        self.failures, self.made, self.between = failures, 0, 0

    def __call__(self) -> None:
        self.made += 1
        if self.made <= self.failures:
            raise ProcessFailedError(f"failure {self.made}")

    def run(self, retries: int, *, begun: bool = True) -> None:
        def between(error: ProcessFailedError) -> None:
            assert str(error) == f"failure {self.made}"
            self.between += 1

        with_retries(self, retries, lambda: begun, between)


@pytest.mark.parametrize("failures", [0, 1, 2])
def test_an_attempt_that_succeeds_is_the_last(failures: int) -> None:
    attempts = Attempts(failures)
    attempts.run(retries=2)
    assert (attempts.made, attempts.between) == (failures + 1, failures)


def test_the_last_failure_is_told() -> None:
    attempts = Attempts(5)
    with pytest.raises(ProcessFailedError, match="failure 3"):
        attempts.run(retries=2)
    assert (attempts.made, attempts.between) == (3, 2)


def test_what_fails_before_the_first_step_is_not_tried_again() -> None:
    attempts = Attempts(5)
    with pytest.raises(ProcessFailedError, match="failure 1"):
        attempts.run(retries=2, begun=False)
    assert attempts.between == 0


def test_a_ray_of_the_run_s_own_has_room() -> None:
    check_room(OmegaConf.create({"ray_address": "local"}))


def test_what_the_cluster_does_not_allow_yet_is_done_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rm_train.launch.retries._POLL_S", 0.01)
    refusals: list[Exception] = [ConfigError("a node that is dead, which Ray does not know yet"), StorageError("gone")]
    said: list[str] = []

    def action() -> None:
        if refusals:
            raise refusals.pop(0)

    patiently(action, said.append)
    assert refusals == []
    assert said == ["waiting for the cluster: a node that is dead, which Ray does not know yet"]


def test_a_cluster_that_stays_away_is_an_error_with_its_reason() -> None:
    config = OmegaConf.create({"ray_address": "127.0.0.1:9", "trainer": {"nnodes": 1, "n_gpus_per_node": 1}})
    with pytest.raises(ConfigError, match=r"nothing answers at 127\.0\.0\.1:9.*the same command goes on"):
        patiently(partial(check_room, config), pytest.fail, limit_s=-1)
