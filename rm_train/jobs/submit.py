"""A run becomes a job, or a job that has ended goes on as another one."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from omegaconf import DictConfig
from ray.job_submission import JobDetails

from rm_train.jobs.capacity import check_capacity
from rm_train.jobs.client import Cluster, JobError, check_versions
from rm_train.jobs.facts import facts_of
from rm_train.jobs.package import staged
from rm_train.jobs.request import JobRequest, request_of


@dataclass(frozen=True, slots=True)
class Submission:
    """A job that was submitted.

    Attributes:
        job: Its name.
        package: Ray's name of the code that it carries; a digest of its content.
    """

    job: str
    package: str


def submit(
    cluster: Cluster, request: JobRequest, config: DictConfig, wait_s: float, say: Callable[[str], None]
) -> Submission:
    """Submit a run, after a look at whether it can work there.

    Args:
        cluster: Where to.
        request: The run.
        config: Its config, for its size.
        wait_s: How long a cluster that is too small may take to grow, in seconds.
        say: Takes a line that says what is waited for.

    Raises:
        JobError: Versions differ, the cluster is too small, the name is taken, or what is to travel is too large.
    """
    check_versions(cluster)
    if (taken := cluster.find(request.submission_id)) is not None:
        raise JobError(
            f"there is a job {request.submission_id} already ({taken.status.value}); write another --name, or go "
            f"on with it: rm-train jobs resume {request.submission_id}"
        )
    check_capacity(cluster, config, wait_s, say)
    with staged([Path(path) for path in request.includes]) as folder:
        runtime_env = {"working_dir": str(folder), "env_vars": request.environment}
        job = cluster.submit_job(
            entrypoint=request.entrypoint,
            submission_id=request.submission_id,
            runtime_env=runtime_env,
            metadata=request.metadata,
        )
    return Submission(job, _package(cluster.job(job)))


def resumption(cluster: Cluster, job: str) -> tuple[JobRequest, str]:
    """Return the request that goes on with a job in its run folder, and the code that the job had.

    Raises:
        JobError: It is no job of ours, has succeeded, or is gone on with already.
    """
    details = cluster.job(job)
    request = request_of(details.metadata)
    if request is None:
        raise JobError(f"{job} was not submitted by `rm-train submit`; submit it again as it was submitted")
    others = [known for known in map(_known, cluster.list_jobs()) if known and known[1].name == request.name]
    for other, _ in others:
        if not other.status.is_terminal():
            raise JobError(
                f"{other.submission_id} is {other.status.value}; wait for it, or end it first: "
                f"rm-train jobs stop {other.submission_id}"
            )
    if details.status.value == "SUCCEEDED":
        raise JobError(f"{job} has succeeded; to train on, submit it with more steps and the same run_dir")
    last = max(known.attempt for _, known in others)
    return request.next(last, facts_of(cluster.log(job) or "").run_folder), _package(details)


def _known(details: JobDetails) -> tuple[JobDetails, JobRequest] | None:
    request = request_of(details.metadata)
    return (details, request) if request else None


def _package(details: JobDetails) -> str:
    uri = re.search(r"_ray_pkg_(\w+)", str((details.runtime_env or {}).get("working_dir", "")))
    return uri.group(1) if uri else "none"
