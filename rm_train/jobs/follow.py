"""A job's log, as it is written; what breaks the stream does not break off the watching."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import aclosing

import aiohttp
import requests
from ray.job_submission import JobStatus

from rm_train.jobs.client import Cluster, JobError

_SILENT_S = 60.0
"""After so long without a word the stream is opened anew: a dropped connection may be silent for ever."""
_GONE_S = 300.0
"""How long a cluster may be out of reach."""
_AGAIN_S = 1.0

STOPPED = 130
"""The exit status for a job that somebody stopped."""


def follow(cluster: Cluster, job: str, write: Callable[[str], None], skip: int = 0) -> JobStatus:
    """Write a job's log as it grows, until the job has ended.

    Args:
        cluster: Where it runs.
        job: Its name.
        write: Takes pieces of the log, in order, each once.
        skip: Characters of the log that are not to be written.

    Returns:
        How it ended.

    Raises:
        JobError: The cluster was out of reach for five minutes; the job may go on.
    """
    shown, lost_since = skip, None
    while True:
        try:
            shown = asyncio.run(_stream(cluster, job, write, shown))
            status: JobStatus = cluster.job(job).status
            lost_since = None
            if status.is_terminal():
                write((cluster.log(job) or "")[shown:])
                return status
        except (aiohttp.ClientError, requests.exceptions.RequestException, OSError, _StreamError) as error:
            lost_since = lost_since or time.monotonic()
            shown = error.shown if isinstance(error, _StreamError) else shown
            if time.monotonic() - lost_since > _GONE_S:
                raise JobError(
                    f"the cluster has not answered for {_GONE_S:.0f} s ({error}); the job may go on: "
                    f"rm-train jobs logs --follow {job}"
                ) from error
        time.sleep(_AGAIN_S)


class _StreamError(Exception):
    """The stream broke, after so many characters of the log."""

    def __init__(self, shown: int, reason: str) -> None:
        super().__init__(reason)
        self.shown = shown


async def _stream(cluster: Cluster, job: str, write: Callable[[str], None], shown: int) -> int:
    """Write what a stream brings beyond what is shown, and return how much of the log is shown then."""
    position = 0
    async with aclosing(cluster.tail_job_logs(job)) as stream:
        while True:
            coming = asyncio.ensure_future(anext(stream))
            try:
                # Not `wait_for`, which may swallow Ctrl-C where it comes together with a piece of the log.
                await asyncio.wait({coming}, timeout=_SILENT_S)
                if not coming.done():
                    return shown
                piece = coming.result()
            except StopAsyncIteration:
                return shown
            except (aiohttp.ClientError, RuntimeError) as error:  # Ray's own for a stream that was cut
                raise _StreamError(shown, str(error)) from error
            finally:
                coming.cancel()
                await asyncio.wait({coming})
            fresh = piece[max(0, shown - position) :]
            position += len(piece)
            if fresh:
                write(fresh)
                shown = position


def exit_status(status: JobStatus, code: int | None) -> int:
    """Return a job's end as an exit status: 0 for success, its own for a failure, `STOPPED` for a stop."""
    if status is JobStatus.STOPPED:
        return STOPPED
    return 0 if status is JobStatus.SUCCEEDED else code or 1
