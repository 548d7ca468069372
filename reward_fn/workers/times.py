"""How long worker processes were waited for, and how long they worked: a slow rule and a full queue are two things."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")


class Job(Future[T]):
    """The future result of a worker process.

    Attributes:
        asked: When it was asked for, by the clock of `time.monotonic`.
        worked_s: Seconds that a worker took for it, imports not counted; known when it is done.
    """

    def __init__(self) -> None:
        super().__init__()
        self.asked = time.monotonic()
        self.worked_s = 0.0


@dataclass(slots=True)
class WorkTimes:
    """What worker processes were asked for; of calls side by side, the seconds add up.

    Attributes:
        calls: How many calls have ended.
        waited_s: Seconds from asking to the result, less those at work: the queue, and the way there and back.
        worked_s: Seconds at work.
    """

    calls: int = 0
    waited_s: float = 0.0
    worked_s: float = 0.0


_times: ContextVar[WorkTimes | None] = ContextVar("work_times", default=None)


@contextmanager
def counted_work() -> Iterator[WorkTimes]:
    """Count what worker processes are asked for inside the block, in the tasks that it starts as well."""
    times = WorkTimes()
    token = _times.set(times)
    try:
        yield times
    finally:
        _times.reset(token)


def note(asked: float, worked_s: float) -> None:
    """Count a call that has just ended, by when it was asked for and the seconds at work."""
    if times := _times.get():
        times.calls += 1
        times.worked_s += worked_s
        times.waited_s += max(0.0, time.monotonic() - asked - worked_s)


async def result_of(job: Future[T]) -> T:
    """Wait for a job's result, and count it.

    Raises:
        RewardError: It took too long, or the worker crashed; or whatever its function raises.
    """
    try:
        return await asyncio.wrap_future(job)
    finally:
        if isinstance(job, Job):
            note(job.asked, job.worked_s)


def finish(job: Job[Any], worked: bool, outcome: Any, worked_s: float) -> None:  # noqa: ANN401 - a result or an exception
    """Give a job its result, or its exception if it has not worked."""
    job.worked_s = worked_s
    if worked:
        job.set_result(outcome)
    else:
        job.set_exception(outcome)
