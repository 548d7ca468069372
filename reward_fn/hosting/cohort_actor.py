"""Where the answers to one prompt meet, to be compared; and the actor of Ray's in which those of a cluster do.

A group is judged once, when all of it has come or when it has waited long enough.

A process brings its answers in batches and fetches what has come of them in batches, each in one call at a time: so
what gathers while a call is on its way goes with the next one, and a busy actor is asked less often for more.
"""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Generic, NamedTuple, TypeVar

from reward_fn.schema import Failure, FailureKind, RewardError, RewardResult

T = TypeVar("T")
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
        self._judged = self._late = 0

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
            self._late += 1
            return _late(f"came after its group had been judged, {self._deadline_s:g} s after the first answer")
        # Shielded: whoever stops waiting does not take the result from the others.
        results = await asyncio.shield(group.results)
        return results[member]

    def status(self) -> dict[str, float | str]:
        """Return the `groups` whose answers wait, for others or for the judge, and how many `answers` they have.

        Also how many groups were `judged`, and how many answers came `late` or stayed alone.
        """
        waiting = [group for group in self._groups.values() if not group.results.done()]
        answers = sum(len(group.members) for group in waiting)
        return {"groups": len(waiting), "answers": answers, "judged": self._judged, "late": self._late}

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
            self._late += len(answers)
            alone = _late(f"no other answer of its group came within {self._deadline_s:g} s")
            group.results.set_result(dict.fromkeys(names, alone))
            return
        try:
            found = await self._judge(answers)
            group.results.set_result(dict(zip(names, found, strict=True)))
            self._judged += 1
        except Exception as error:  # noqa: BLE001 - raised again where each answer is waited for
            group.results.set_exception(error)


def _late(detail: str) -> RewardResult:
    return RewardResult.failed("", Failure(FailureKind.TIMEOUT, False, detail))


class Brought(NamedTuple):
    """An answer that a process brings.

    Attributes:
        number: Its number, unique for the process.
        name: Its group.
        member: Its name in it.
        size: The number of answers that belong to the group.
        answer: What the judge is to see of it, pickled.
    """

    number: int
    name: str
    member: str
    size: int
    answer: bytes


Outcome = tuple[int, "RewardResult | Exception"]
"""An answer's number, and its result or what was raised in place of it."""


@dataclass(slots=True)
class _Process:
    """A process that brings answers: the numbers of those that it waits for, and the outcomes that wait for it."""

    numbers: set[int] = field(default_factory=set)
    outcomes: list[Outcome] = field(default_factory=list)
    bell: asyncio.Event = field(default_factory=asyncio.Event)


class CohortActor:
    """A cohort in a process of its own.

    Args:
        make_judge: Makes the judge.
        deadline_s: See `Cohort`.
    """

    def __init__(self, make_judge: Callable[[], Judge[Any]], deadline_s: float) -> None:
        self._cohort: Cohort[bytes] = Cohort(partial(_judged, make_judge()), deadline_s)
        self._processes: dict[str, _Process] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def bring(self, process: str, answers: Sequence[Brought], *, anew: bool) -> bool:
        """Let answers join their groups.

        Args:
            process: Who brings them.
            answers: The answers; those that were brought before are left as they are.
            anew: Whether the process begins, or begins again with all that it waits for.

        Returns:
            Whether this actor knows the process. If not, it has died and forgotten what was brought before, and has not
            taken these answers either.
        """
        if anew:
            self._processes.setdefault(process, _Process())
        one = self._processes.get(process)
        if one is None:
            return False
        for answer in answers:
            if answer.number not in one.numbers:
                one.numbers.add(answer.number)
                task = asyncio.get_running_loop().create_task(self._join(one, answer))
                self._tasks.add(task)  # the event loop itself keeps no hold on its tasks
                task.add_done_callback(self._tasks.discard)
        return True

    async def fetch(self, process: str) -> list[Outcome] | None:
        """Wait for outcomes of a process's answers, and return them; None for a process that is not known."""
        one = self._processes.get(process)
        if one is None:
            return None
        await one.bell.wait()
        one.bell.clear()
        outcomes, one.outcomes = one.outcomes, []
        one.numbers.difference_update(number for number, _ in outcomes)
        return outcomes

    async def status(self) -> dict[str, float | str]:
        """Return `Cohort.status`."""
        return self._cohort.status()

    async def _join(self, process: _Process, answer: Brought) -> None:
        outcome: RewardResult | Exception
        try:
            outcome = await self._cohort.join(*answer[1:])
        except Exception as error:  # noqa: BLE001 - raised again where the answer is waited for
            outcome = _portable(error)
        process.outcomes.append((answer.number, outcome))
        process.bell.set()


async def _judged(judge: Judge[Any], answers: Sequence[bytes]) -> list[RewardResult]:
    return await judge([pickle.loads(answer) for answer in answers])


def _portable(error: Exception) -> Exception:
    """Return an error that can be pickled: as it is, or its text. One that cannot would take a whole batch along."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # noqa: BLE001 - exceptions of libraries hold and want anything
        return RewardError(FailureKind.CRASH, f"{type(error).__name__}: {error}")
    return error
