"""The door to a cluster: Ray's job client, with errors that a person can act on."""

from __future__ import annotations

import logging
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ray
import requests
from ray.exceptions import AuthenticationError
from ray.job_submission import JobDetails, JobSubmissionClient

from rm_train.launch.checks.problem import ConfigError
from rm_train.launch.nodes.connect import WANTS_TOKEN

_TIMES_S = (5.0, 120.0)
"""How long a cluster may take to be reached, and to answer."""
_READY_S = 120.0
"""How long a cluster that has just started may take until it takes jobs."""
_NO_AGENT = (
    "the cluster takes no jobs: the agent of its nodes does not answer, often since another Ray on the machine has its "
    "port (52365); start Ray with --dashboard-agent-listen-port=PORT"
)
_NAMED = "RAY_API_SERVER_ADDRESS"
_DASHBOARD = "write --address http://HOST:8265, the dashboard's address as `ray start --head` printed it"

for _talker in ("job.sdk", "dashboard_sdk"):  # which tell of each upload and each closed stream
    logging.getLogger(f"ray.dashboard.modules.{_talker}").setLevel(logging.WARNING)
logging.getLogger("ray._private.runtime_env.packaging").setLevel(logging.WARNING)


class JobError(Exception):
    """A job cannot be submitted, found or stopped; the message says what to do."""


class Cluster(JobSubmissionClient):  # type: ignore[misc]
    """Ray's job client, which answers in time or not at all."""

    def _do_request(self, method: str, endpoint: str, **kwargs: Any) -> requests.Response:  # noqa: ANN401
        response: requests.Response = super()._do_request(method, endpoint, **{"timeout": _TIMES_S} | kwargs)
        return response

    def get(self, endpoint: str) -> Any:  # noqa: ANN401 - JSON
        """Return what the dashboard answers to a GET.

        Raises:
            JobError: It has no such endpoint, or cannot answer.
        """
        response = self._do_request("GET", endpoint)
        if response.status_code != requests.codes.ok:
            raise JobError(f"{self.get_address()}{endpoint} answers {response.status_code}: {response.text[:300]}")
        return response.json()

    def find(self, job: str) -> JobDetails | None:
        """Return what Ray knows of a job; None if there is none of that name."""
        response = self._do_request("GET", f"/api/jobs/{job}")
        if response.status_code == requests.codes.not_found:
            return None
        if response.status_code != requests.codes.ok:
            self._raise_error(response)
        return JobDetails(**response.json())

    def submit_job(self, **job: Any) -> str:  # noqa: ANN401 - Ray's own arguments
        """Submit a job as Ray does, with patience for a cluster that has just started and cannot take one yet."""
        until = time.monotonic() + _READY_S
        while True:
            try:
                name: str = super().submit_job(**job)
                return name
            except RuntimeError as error:
                if "No available agent" not in str(error):
                    raise
                if time.monotonic() > until:
                    raise JobError(_NO_AGENT) from error
            time.sleep(1)

    def log(self, job: str) -> str | None:
        """Return a job's log; None if the node that has it does not answer, as when it was lost."""
        response = self._do_request("GET", f"/api/jobs/{job}/logs")
        if response.status_code == requests.codes.server_error:
            return None
        if response.status_code != requests.codes.ok:
            self._raise_error(response)
        log: str = response.json()["logs"] or ""
        return log

    def job(self, job: str) -> JobDetails:
        """Return what Ray knows of a job.

        Raises:
            JobError: There is none of that name.
        """
        if (found := self.find(job)) is None:
            raise JobError(f"there is no job {job} at {self.get_address()}; `rm-train jobs list` shows what is there")
        return found


@contextmanager
def cluster_at(address: str | None) -> Iterator[Cluster]:
    """Be in touch with a cluster inside the block.

    Args:
        address: The dashboard's, `http://HOST:8265` or `https://…`; None for what RAY_API_SERVER_ADDRESS or RAY_ADDRESS
            say, else the cluster that this machine is part of.

    Raises:
        JobError: It does not answer, lets nobody in, or refuses what it is asked inside the block.
    """
    where = address or os.environ.get(_NAMED) or os.environ.get("RAY_ADDRESS") or "this machine"
    try:
        yield _client(address)
    except ConfigError:
        raise
    except AuthenticationError as error:
        wrong = "the token is wrong" if "failed" in str(error) else "there is none, or it was not shown"
        raise JobError(f"{where}: {WANTS_TOKEN} ({wrong})") from error
    except (requests.exceptions.ConnectionError, requests.exceptions.Timeout, ConnectionError) as error:
        raise JobError(f"{where}: no Ray dashboard answers there; {_DASHBOARD}, or start Ray") from error
    except (requests.exceptions.RequestException, KeyError) as error:
        raise JobError(f"{where}: what answers there is no Ray dashboard ({error}); {_DASHBOARD}") from error
    except (RuntimeError, ValueError) as error:
        last_line = str(error).strip().rpartition("\n")[2]  # Ray's dashboard answers with whole tracebacks
        raise JobError(f"{where}: {last_line}") from error


def _client(address: str | None) -> Cluster:
    if address is None:
        return Cluster()
    # Ray prefers its variables to what it is given; whoever writes an address means it.
    before = os.environ.get(_NAMED)
    os.environ[_NAMED] = address if "://" in address or address == "auto" else f"http://{address}"
    try:
        return Cluster()
    finally:
        if before is None:
            del os.environ[_NAMED]
        else:
            os.environ[_NAMED] = before


def check_versions(cluster: Cluster) -> None:
    """Check that a cluster has this environment's Ray, and its Python up to the minor version.

    Raises:
        JobError: It has others.
    """
    theirs = cluster.get("/api/v0/cluster_metadata")["data"]
    python = ".".join(theirs["pythonVersion"].split(".")[:2])
    here = ".".join(platform.python_version_tuple()[:2])
    if theirs["rayVersion"] != ray.__version__:
        raise JobError(
            f"the cluster has Ray {theirs['rayVersion']}, and this environment {ray.__version__}; install the same on "
            f"both sides, such as: pip install 'ray[default]=={theirs['rayVersion']}'"
        )
    if python != here:
        raise JobError(
            f"the cluster has Python {python}, and this environment {here}; submit from an environment with Python "
            f"{python}, or start the cluster with Python {here}"
        )
