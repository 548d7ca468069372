"""A cluster that is too small is refused, or waited for; the dashboard is a real server on loopback."""

from typing import Any

import pytest
from loopback import VERSION, serving

from rm_train.jobs.capacity import check_capacity
from rm_train.jobs.client import JobError, cluster_at
from rm_train.launch.config import compose_config


def nodes(*gpus: int) -> dict[str, Any]:
    rows = [
        {"node_id": str(n), "node_ip": f"10.0.0.{n}", "state": "ALIVE", "resources_total": {"GPU": gpu, "CPU": 64}}
        for n, gpu in enumerate(gpus)
    ]
    dead = {"node_id": "d", "node_ip": "10.0.0.9", "state": "DEAD", "resources_total": {"GPU": 64, "CPU": 640}}
    return {"result": True, "data": {"result": {"result": [*rows, dead]}}}


def dashboard(*gpus: int) -> dict[str, Any]:
    return {"/api/version": VERSION, "/api/v0/nodes?detail=true&limit=10000": nodes(*gpus)}


CONFIG = compose_config("pointwise", ["ray=existing", "trainer.nnodes=2", "trainer.n_gpus_per_node=4"])


@pytest.mark.parametrize("gpus", [(4, 4), (8,), (4, 0, 7)])
def test_each_group_of_gpus_needs_one_node(gpus: tuple[int, ...]) -> None:
    with serving(dashboard(*gpus)) as address, cluster_at(address) as cluster:
        check_capacity(cluster, CONFIG, 0, pytest.fail)


@pytest.mark.parametrize("gpus", [(), (4,), (3, 3, 3), (4, 3)])
def test_what_is_there_and_what_is_wanted_is_told(gpus: tuple[int, ...]) -> None:
    told = r"too small: trainer\.nnodes: .*2 x 4 .*--wait SECONDS"
    with serving(dashboard(*gpus)) as address, pytest.raises(JobError, match=told), cluster_at(address) as cluster:
        check_capacity(cluster, CONFIG, 0, pytest.fail)


def test_a_cluster_that_grows_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rm_train.jobs.capacity._POLL_S", 0.05)
    answers, said = dashboard(4), []

    def grow(line: str) -> None:
        said.append(line)
        answers.update(dashboard(4, 4))

    with serving(answers) as address, cluster_at(address) as cluster:
        check_capacity(cluster, CONFIG, 60, grow)
    assert len(said) == 1 and said[0].startswith("waiting up to 60 s")
