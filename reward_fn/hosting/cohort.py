"""Where the answers to one prompt meet, to be compared.

A trainer scores each answer as soon as it is there, in any of many processes. A reward that compares answers needs all
of a group, so their calls wait here for one another: in one process in a `Cohort`, in a cluster in a Ray actor that
holds one. The group is judged once, when all of it has come or when it has waited long enough.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Generic, TypeVar

from reward_fn.hosting.actors import named_actor
from reward_fn.schema import Failure, FailureKind, RewardError, RewardResult

T = TypeVar("T")
_LIVES = 3
"""Actors that a call asks before it gives up."""
Judge = Callable[[Sequence[T]], Awaitable[list[RewardResult]]]
"""Gives each of several answers its result."""


@dataclass(slots=True)
class _Group(Generic[T]):
    """The answers to one prompt, by their names, and what the judge makes of them."""

    members: dict[str, T] = field(default_factory=dict)
    results: asyncio.Future[dict[str, RewardResult]] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )
    timer: asyncio.TimerHandle | None = None
    judged: bool = False


class Cohort(Generic[T]):
    """Groups of answers on their way to a judge.

    Args:
        judge: Compares the answers of a group.
        deadline_s: How long a group waits for all its answers, from the first one on; then those that are there are
            judged without the others. The results stay for as long again, for calls that come late.
    """

    def __init__(self, judge: Judge[T], deadline_s: float) -> None:
        self._judge, self._deadline_s = judge, deadline_s
        self._groups: dict[str, _Group[T]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def join(self, name: str, member: str, size: int, answer: T) -> RewardResult:
        """Bring an answer to its group, and return its result when the group has been judged.

        Args:
            name: The group, such as verl's `uid` of a prompt.
            member: The answer's name in it; a second call with the same one gets the same result.
            size: The number of answers that belong to the group.
            answer: What the judge is to see of it.

        Returns:
            The answer's result; a failure of kind TIMEOUT if nobody else came before the deadline, or if this one came
            after it.
        """
        group = self._groups.get(name)
        if group is None:
            group = self._groups[name] = _Group()
            group.timer = asyncio.get_running_loop().call_later(self._deadline_s, self._close, name)
        if not group.judged:
            group.members[member] = answer
            if len(group.members) >= size:
                self._close(name)
        elif member not in group.members:
            return _late(f"came after its group had been judged, {self._deadline_s:g} s after the first answer")
        # Shielded: whoever stops waiting does not take the result from the others.
        results = await asyncio.shield(group.results)
        return results[member]

    def _close(self, name: str) -> None:
        """Have a group judged as it is, and forgotten some time later."""
        group = self._groups[name]
        if group.judged:
            return
        group.judged = True
        if group.timer is not None:
            group.timer.cancel()
        task = asyncio.get_running_loop().create_task(self._settle(group))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(
            lambda _: asyncio.get_running_loop().call_later(self._deadline_s, self._groups.pop, name, None)
        )

    async def _settle(self, group: _Group[T]) -> None:
        names, answers = list(group.members), list(group.members.values())
        if len(answers) < 2:
            alone = _late(f"no other answer of its group came within {self._deadline_s:g} s")
            group.results.set_result(dict.fromkeys(names, alone))
            return
        try:
            found = await self._judge(answers)
            group.results.set_result(dict(zip(names, found, strict=True)))
        except Exception as error:  # noqa: BLE001 - raised again where each answer is waited for
            group.results.set_exception(error)


def _late(detail: str) -> RewardResult:
    return RewardResult.failed("", Failure(FailureKind.TIMEOUT, False, detail))


class _CohortActor:
    """A cohort in a process of its own."""

    def __init__(self, make_judge: Callable[[], Judge[Any]], deadline_s: float) -> None:
        self._cohort: Cohort[Any] = Cohort(make_judge(), deadline_s)

    async def join(self, name: str, member: str, size: int, answer: object) -> RewardResult:
        return await self._cohort.join(name, member, size, answer)


class ClusterCohort(Generic[T]):
    """The cohort of a cluster: whoever names the same one meets there.

    If its process dies, Ray starts another and repeats the calls that wait, so groups gather anew and are judged once
    more. If the process that made it dies, whoever waits makes another.

    Args:
        name: Its name among the actors of the job.
        make_judge: Makes the judge, in the actor's process; it is pickled.
        deadline_s: See `Cohort`.
    """

    def __init__(self, name: str, make_judge: Callable[[], Judge[T]], deadline_s: float) -> None:
        self._make = partial(named_actor, _CohortActor, name, make_judge, deadline_s)
        self._actor = self._make()

    async def join(self, name: str, member: str, size: int, answer: T) -> RewardResult:
        """Do as `Cohort.join`.

        Raises:
            RewardError: The actor dies again and again.
        """
        from ray.exceptions import ActorDiedError

        for _ in range(_LIVES):
            actor = self._actor
            try:
                result: RewardResult = await actor.join.remote(name, member, size, answer)
                return result
            except ActorDiedError:
                if self._actor is actor:
                    self._actor = self._make()
        raise RewardError(FailureKind.CRASH, f"the actor in which answers meet has died {_LIVES} times", retriable=True)
