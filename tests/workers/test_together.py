"""Calls that share a job: each has its own result, error and time."""

import asyncio
import time

import pool_jobs as jobs
import pytest

from reward_fn.schema import FailureKind, RewardError
from reward_fn.workers import together
from reward_fn.workers.pool import WorkerPool


def outcomes(*calls, timeout_s=5.0):
    async def gathered():
        return await asyncio.gather(
            *(together.call(*one, timeout_s=timeout_s) for one in calls), return_exceptions=True
        )

    return asyncio.run(gathered())


def test_every_call_gets_its_own_result_in_order():
    assert outcomes(*((jobs.add, n, 1) for n in range(100))) == list(range(1, 101))


def test_calls_share_jobs(monkeypatch):
    submitted, submit = [], together.pool().submit_all
    seen = lambda *arguments, **limits: submitted.append(arguments) or submit(*arguments, **limits)  # noqa: E731
    monkeypatch.setattr(together.pool(), "submit_all", seen)
    outcomes(*((jobs.add, n, 1) for n in range(160)))
    assert len(submitted) == 160 / together.MOST


def test_an_error_is_that_of_its_call_alone():
    good, bad, odd, last = outcomes((jobs.add, 1, 2), (jobs.fail, "wrong"), (jobs.fail_oddly,), (jobs.add, 3, 4))
    assert (good, last) == (3, 7)
    assert isinstance(bad, ValueError)
    assert isinstance(odd, RuntimeError)


@pytest.mark.parametrize("kill", [False, True])
def test_one_that_does_not_end_or_kills_its_worker_takes_no_other_with_it(kill):
    bad = (jobs.die,) if kill else (jobs.sleep, 60)
    same = [(jobs.die,)] * 2 if kill else [(jobs.sleep, 0.01), (jobs.sleep, 0.02)]
    done = outcomes(bad, *same, timeout_s=1)
    assert isinstance(done[0], RewardError)
    assert done[0].failure.kind is (FailureKind.CRASH if kill else FailureKind.TIMEOUT)
    if not kill:
        assert done[1:] == [0.01, 0.02]


def test_calls_that_together_take_longer_than_one_may_all_end():
    assert outcomes(*[(jobs.sleep, 0.4)] * 6, timeout_s=1) == [0.4] * 6


def test_a_caller_that_gives_up_does_not_disturb_the_others():
    async def work():
        first, second = (asyncio.create_task(together.call(jobs.sleep, 0.2, timeout_s=5)) for _ in range(2))
        await asyncio.sleep(0.05)
        first.cancel()
        return await second

    assert asyncio.run(work()) == 0.2


@pytest.mark.parametrize("hang", ["60", "stubborn"])
def test_calls_of_a_job_are_made_once_whatever_becomes_of_one_of_them(tmp_path, hang):
    one = WorkerPool(1)
    one.submit(jobs.where, timeout_s=5).result()
    start = time.monotonic()
    made = one.submit_all(jobs.note_or_hang, [(tmp_path / "done", what) for what in ("a", "b", hang, "c", "d")], 0.5)
    assert [made[place].result(5) for place in (0, 1)] == ["a", "b"] and time.monotonic() - start < 0.5
    with pytest.raises(RewardError) as caught:
        made[2].result(5)
    assert caught.value.failure.kind is FailureKind.TIMEOUT and made[2].worked_s == pytest.approx(0.75, abs=0.4)
    assert [made[place].result(5) for place in (3, 4)] == ["c", "d"]
    assert (tmp_path / "done").read_text().split() == ["a", "b", "c", "d"]


def test_what_cannot_be_sent_is_the_callers_error():
    (error,) = outcomes((jobs.add, lambda: 1, 2))
    assert "pickle" in str(error) or "local" in str(error)
