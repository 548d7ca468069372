"""Short calls, handed to the workers several at a time.

Handing a job over and back takes the asking process a third of a millisecond, which a comparison of two formulas does
not take itself. So calls that wait for the same function at the same time share a job.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

from reward_fn.workers.pool import pool
from reward_fn.workers.times import Job, result_of

MOST = 16
"""Calls in one job."""
_ROUNDS = 3
"""Turns of the event loop for which a call waits for others: tasks that one job has woken ask again within them."""

_Call = tuple[tuple[object, ...], "asyncio.Future[Job[Any]]"]
_Group = tuple[Callable[..., Any], float]

_waiting: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[_Group, list[_Call]]] = WeakKeyDictionary()


async def call(function: Callable[..., Any], *arguments: object, timeout_s: float) -> Any:  # noqa: ANN401 - its result
    """Have a worker call a function; see `WorkerPool.submit`.

    Raises:
        RewardError: It took too long, or the worker crashed; or whatever the function raises.
    """
    loop = asyncio.get_running_loop()
    groups = _waiting.setdefault(loop, {})
    group = function, timeout_s
    if group not in groups:
        groups[group] = []
        loop.call_soon(_hand_over, loop, group, _ROUNDS)
    handed_over: asyncio.Future[Job[Any]] = loop.create_future()
    groups[group].append((arguments, handed_over))
    return await result_of(await handed_over)


def _hand_over(loop: asyncio.AbstractEventLoop, group: _Group, rounds: int) -> None:
    if rounds:
        loop.call_soon(_hand_over, loop, group, rounds - 1)
        return
    calls = [one for one in _waiting[loop].pop(group) if not one[1].cancelled()]
    function, timeout_s = group
    size = min(MOST, -(-len(calls) // pool().size)) or 1
    for start in range(0, len(calls), size):
        some = calls[start : start + size]
        try:
            jobs = pool().submit_all(function, [arguments for arguments, _ in some], timeout_s)
        except Exception as error:  # noqa: BLE001 - the callers'
            for _, handed_over in some:
                handed_over.set_exception(error)
            continue
        for (_, handed_over), job in zip(some, jobs, strict=True):
            handed_over.set_result(job)
