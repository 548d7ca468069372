"""Addresses that are wrong, and clusters of other versions; servers are real ones on loopback."""

import pytest
from loopback import VERSION, serving

from rm_train.jobs.client import JobError, check_versions, cluster_at
from rm_train.jobs.show import status_text


def refused(address: str) -> str:
    with pytest.raises(JobError) as error, cluster_at(address) as cluster:
        check_versions(cluster)
    return str(error.value)


def test_an_address_where_nothing_answers() -> None:
    said = refused("http://127.0.0.1:9")
    assert (
        said.startswith("http://127.0.0.1:9: no Ray dashboard answers there") and "--address http://HOST:8265" in said
    )


@pytest.mark.parametrize("page", [b"<html>hello</html>", b"{}", None])
def test_an_address_of_something_else(page: bytes | None) -> None:
    with serving({"/api/version": page} if page else {}) as address:
        assert "Ray" in (said := refused(address)) and address in said


@pytest.mark.parametrize(
    ("ray", "python", "told"),
    [
        ("2.9.0", "3.11.7", "the cluster has Ray 2.9.0, and this environment 2."),
        (None, "3.8.1", "the cluster has Python 3.8, and this environment 3."),
    ],
)
def test_another_version_is_refused_with_both(ray: str | None, python: str, told: str) -> None:
    import ray as installed

    theirs = {"rayVersion": ray or installed.__version__, "pythonVersion": python}
    answers = {"/api/version": VERSION, "/api/v0/cluster_metadata": {"result": True, "data": theirs}}
    with serving(answers) as address:
        assert told in refused(address)


def test_the_address_that_is_written_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_API_SERVER_ADDRESS", "http://127.0.0.1:9")
    with serving({"/api/version": VERSION}) as address, cluster_at(address.removeprefix("http://")) as cluster:
        assert cluster.get_address() == address


def test_a_job_whose_node_was_lost_has_a_status_and_no_log() -> None:
    import ray as installed

    job = {
        "type": "SUBMISSION",
        "submission_id": "judge",
        "status": "FAILED",
        "entrypoint": "x",
        "message": "node died",
    }
    answers = {"/api/version": VERSION | {"ray_version": installed.__version__}, "/api/jobs/judge": job}
    with serving(answers, broken=["/api/jobs/judge/logs"]) as address, cluster_at(address) as cluster:
        said = status_text(cluster, "judge")
    assert "judge: FAILED" in said and "its log is out of reach" in said and "failed: node died" in said
