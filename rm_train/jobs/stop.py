"""The end of a job, in order or at once.

Ray's own stop sends SIGTERM to all processes of a job, waits and kills. A job of ours gives verl the time to finish and
save its step, and has Ray wait for that. Ray has no second, harder stop, so a small job does that on the same node.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable

from ray.job_submission import JobStatus

from rm_train.jobs.client import Cluster
from rm_train.jobs.request import STOP_S

ENDS = "rm_train_ends"
"""The key in the metadata of a job that ends another one. Such a job stays: Ray lists anew what is deleted so early."""

_POLL_S = 1.0

_KILL = """
import json, psutil, sys
for process in psutil.process_iter(["environ"]):
    job = json.loads((process.info["environ"] or {}).get("RAY_JOB_CONFIG_JSON_ENV_VAR", "{}"))
    if job.get("metadata", {}).get("job_submission_id") == sys.argv[1]:
        with __import__("contextlib").suppress(psutil.NoSuchProcess):
            process.kill()
"""
"""Kills a job's processes on a node: those whose environment has Ray's word that they are. Ray ends its workers."""


def stop(cluster: Cluster, job: str, say: Callable[[str], None], *, now: bool) -> JobStatus:
    """Stop a job, and wait for its end.

    Args:
        cluster: Where it runs.
        job: Its name.
        say: Takes a line that says what is waited for.
        now: Do not let it finish the step that it works on.

    Returns:
        How it ended, which may have been earlier and otherwise.

    Raises:
        JobError: There is no such job.
    """
    details = cluster.job(job)
    if details.status.is_terminal():
        status: JobStatus = details.status
        return status
    cluster.stop_job(job)
    if now and details.driver_node_id:
        _kill(cluster, job, details.driver_node_id)
    else:
        say(f"asked {job} to stop: it finishes and saves the step at work first, for up to {STOP_S // 60} minutes "
            "(--now ends it at once; Ctrl-C ends the waiting only)")  # fmt: skip
    return _end(cluster, job)


def _kill(cluster: Cluster, job: str, node: str) -> None:
    killer = cluster.submit_job(
        entrypoint=shlex.join(["python", "-c", _KILL, job]),
        submission_id=f"{job}-end-{time.time_ns()}",
        entrypoint_label_selector={"ray.io/node-id": node},
        metadata={ENDS: job},
    )
    _end(cluster, killer)


def _end(cluster: Cluster, job: str) -> JobStatus:
    while not (status := cluster.job(job).status).is_terminal():
        time.sleep(_POLL_S)
    result: JobStatus = status
    return result
