"""Jobs on the console, and as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta, timezone

from ray.job_submission import JobDetails
from rich.table import Table

from rm_train.jobs.client import Cluster
from rm_train.jobs.facts import Facts, facts_of, why_failed
from rm_train.jobs.request import request_of
from rm_train.jobs.stop import ENDS

LOST = "its log is out of reach: the node that ran it does not answer"


@dataclass(frozen=True, slots=True)
class JobView:
    """What is shown of a job.

    Attributes:
        job: Its name.
        status: Ray's word: PENDING, RUNNING, SUCCEEDED, FAILED or STOPPED.
        began: When it was submitted, in UTC; None if Ray does not say.
        seconds: How long it has taken, or took.
        task: What `rm-train submit` was given; empty for jobs of others.
        after: The job that it goes on with.
    """

    job: str
    status: str
    began: str | None
    seconds: float
    task: str
    after: str | None


def view(details: JobDetails) -> JobView:
    """Return what is shown of a job."""
    request = request_of(details.metadata)
    began = _moment(details.start_time)
    ended = _moment(details.end_time) or datetime.now(timezone.utc)
    return JobView(
        job=details.submission_id,
        status=details.status.value,
        began=f"{began:%Y-%m-%d %H:%M:%S}" if began else None,
        seconds=round((ended - began).total_seconds(), 1) if began else 0.0,
        task=" ".join((request.task, *request.overrides)) if request else "",
        after=request.after if request else None,
    )


def list_views(cluster: Cluster) -> list[JobView]:
    """Return the jobs that were submitted to a cluster, the newest first, without those that ended others at once."""
    known = cluster.list_jobs()
    submitted = [one for one in known if one.type.value == "SUBMISSION" and ENDS not in (one.metadata or {})]
    return [view(details) for details in sorted(submitted, key=lambda details: -(details.start_time or 0))]


def list_table(views: list[JobView]) -> Table:
    """Return a table of jobs."""
    table = Table("job", "status", "began (UTC)", "took", "run")
    for job in views:
        table.add_row(job.job, job.status, job.began or "", _duration(job.seconds), job.task)
    return table


def status_text(cluster: Cluster, job: str) -> str:
    """Return what can be said of a job, in lines."""
    details = cluster.job(job)
    known = cluster.log(job)
    log = known or ""
    shown, facts = view(details), facts_of(log)
    lines = [
        f"{job}: {shown.status}, began {shown.began} UTC, {_duration(shown.seconds)}",
        f"run: {shown.task or details.entrypoint}",
        *([f"goes on with: {shown.after}"] if shown.after else []),
        *_progress(facts),
        *([LOST] if known is None else []),
    ]
    if shown.status == "FAILED":
        lines.append(f"failed: {why_failed(log, details.message)}")
        lines.append(f"go on with it: rm-train jobs resume {job}")
    elif shown.status == "STOPPED":
        lines.append(f"go on with it: rm-train jobs resume {job}")
    elif shown.status == "PENDING" and details.message:
        lines.append(details.message)
    return "\n".join(lines)


def status_json(cluster: Cluster, job: str) -> dict[str, object]:
    """Return the same as plain values."""
    details = cluster.job(job)
    log = cluster.log(job) or ""
    failed = why_failed(log, details.message) if details.status.value == "FAILED" else None
    return asdict(view(details)) | asdict(facts_of(log)) | {"failed": failed}


def _progress(facts: Facts) -> list[str]:
    lines = [f"run folder: {facts.run_folder}"] if facts.run_folder else []
    if facts.steps:
        lines.append(f"step {facts.step} of {facts.steps}: {facts.figures}")
    if facts.retries:
        lines.append(f"gone on with by itself {facts.retries} times, after failures that are in its log")
    return lines


def _moment(milliseconds: int | None) -> datetime | None:
    return datetime.fromtimestamp(milliseconds / 1000, timezone.utc) if milliseconds else None


def _duration(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))
