"""Short calls, handed to the workers several at a time.

Handing a job over and back takes the asking process a third of a millisecond, which a comparison of two formulas does
not take itself. So calls that wait for the same function at the same time share a job.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from reward_fn.workers.pool import pool
from reward_fn.workers.times import Job, note

MOST = 16
"""Calls in one job."""
_ROUNDS = 3
"""Turns of the event loop for which a call waits for others: tasks that one job has woken ask again within them."""

_Group = tuple[Callable[..., Any], float]


@dataclass(slots=True)
class _Call:
    """What waits for a job, and then for its outcome."""

    arguments: tuple[object, ...]
    future: asyncio.Future[Any]
    worked_s: float = 0.0

    def end(self, worked: bool, outcome: Any, worked_s: float) -> None:  # noqa: ANN401 - a result or an exception
        self.worked_s = worked_s
        if self.future.cancelled():
            return
        if worked:
            self.future.set_result(outcome)
        else:
            self.future.set_exception(outcome)


_waiting: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[_Group, list[_Call]]] = WeakKeyDictionary()


async def call(function: Callable[..., Any], *arguments: object, timeout_s: float) -> Any:  # noqa: ANN401 - its result
    """Have a worker call a function; see `WorkerPool.submit`.

    Each call has its time: if those of a job do not all end within that of one, each gets a job to itself.

    Raises:
        RewardError: It took too long, or the worker crashed; or whatever the function raises.
    """
    loop = asyncio.get_running_loop()
    groups = _waiting.setdefault(loop, {})
    group = function, timeout_s
    if group not in groups:
        groups[group] = []
        loop.call_soon(_hand_over, loop, group, _ROUNDS)
    one, asked = _Call(arguments, loop.create_future()), time.monotonic()
    groups[group].append(one)
    try:
        return await one.future
    finally:
        note(asked, one.worked_s)


def _hand_over(loop: asyncio.AbstractEventLoop, group: _Group, rounds: int) -> None:
    if rounds:
        loop.call_soon(_hand_over, loop, group, rounds - 1)
        return
    calls = _waiting[loop].pop(group)
    size = min(MOST, -(-len(calls) // pool().size))
    for start in range(0, len(calls), size):
        some = calls[start : start + size]
        task = loop.create_task(_run(some, *group) if len(some) > 1 else _run_alone(some[0], *group))
        _running.add(task)
        task.add_done_callback(_running.discard)


_running: set[asyncio.Task[None]] = set()
"""The event loop itself keeps no hold on its tasks."""


async def _run(calls: Sequence[_Call], function: Callable[..., Any], timeout_s: float) -> None:
    job = pool().submit(_call_all, function, [one.arguments for one in calls], timeout_s=timeout_s)
    try:
        outcomes = await asyncio.wrap_future(job)
    except Exception:  # noqa: BLE001 - whose it is shows when each is alone
        await asyncio.gather(*(_run_alone(one, function, timeout_s) for one in calls))
        return
    for one, outcome in zip(calls, outcomes, strict=True):
        one.end(*outcome)


async def _run_alone(one: _Call, function: Callable[..., Any], timeout_s: float) -> None:
    job: Job[Any] = pool().submit(function, *one.arguments, timeout_s=timeout_s)
    try:
        outcome = await asyncio.wrap_future(job)
    except Exception as error:  # noqa: BLE001 - the caller's
        one.end(False, error, job.worked_s)
    else:
        one.end(True, outcome, job.worked_s)


def _call_all(function: Callable[..., Any], calls: Sequence[tuple[object, ...]]) -> list[tuple[bool, Any, float]]:
    """Call a function several times, in a worker process.

    Returns:
        Of each call whether it worked, its result or exception, and its seconds.
    """
    outcomes: list[tuple[bool, Any, float]] = []
    for arguments in calls:
        start = time.monotonic()
        try:
            worked, outcome = True, function(*arguments)
        except Exception as error:  # noqa: BLE001 - the caller's
            worked, outcome = False, error
        outcomes.append((worked, outcome, time.monotonic() - start))
    return outcomes
