"""The cohort of a cluster: where the answers to one prompt meet, whichever processes have them.

A trainer scores each answer as soon as it is there, in any of many processes. A reward that compares answers needs all
of a group, so their calls wait for one another in an actor of Ray's (`hosting/cohort_actor.py`). A process talks to it
in batches, from its background loop.
"""

from __future__ import annotations

import asyncio
import itertools
import uuid
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
from functools import partial
from typing import Any, Generic, TypeVar

from reward_fn.hosting.actors import named_actor
from reward_fn.hosting.background import Bell, background
from reward_fn.hosting.cohort_actor import Brought, CohortActor, Judge
from reward_fn.schema import FailureKind, RewardError, RewardResult

T = TypeVar("T")
R = TypeVar("R")

_LIVES = 3
"""Actors that are asked in a row before those that wait give up."""
_MOST = 500
"""Answers in one call of the actor."""
_AGAIN_S = 0.05
"""After an actor did not know this process, it is told what waits before it is asked again."""

_Waits = tuple[Brought, "Future[RewardResult]"]


class ClusterCohort(Generic[T]):
    """The cohort of a cluster: whoever names the same one meets there.

    If its process dies, Ray starts another, which is brought again all that waits: groups gather anew and are judged
    once more. If the process that made it dies, whoever waits makes another.

    Args:
        name: Its name among the actors of the job.
        make_judge: Makes the judge, in the actor's process; it is pickled.
        deadline_s: See `Cohort`.
    """

    def __init__(self, name: str, make_judge: Callable[[], Judge[T]], deadline_s: float) -> None:
        self._make = partial(named_actor, CohortActor, name, make_judge, deadline_s)
        self._actor = self._make()
        self._process = uuid.uuid4().hex
        self._numbers = itertools.count()
        self._arrived: deque[_Waits] = deque()
        # From here on all belongs to the background loop.
        self._bell = Bell(self._serve)
        self._waiting: dict[int, _Waits] = {}
        self._new: list[Brought] = []
        self._known = False
        self._lost = 0
        self._at_work: dict[str, asyncio.Task[None]] = {}

    async def join(self, name: str, member: str, size: int, answer: T) -> RewardResult:
        """Do as `Cohort.join`.

        Raises:
            RewardError: The actor dies again and again, or Ray was shut down.
        """
        from ray import cloudpickle

        # Pickled here: what cannot be is an error of this call, and not of all that go with it.
        brought = Brought(next(self._numbers), name, member, size, cloudpickle.dumps(answer))
        result: Future[RewardResult] = Future()
        self._arrived.append((brought, result))
        self._bell.ring()
        return await asyncio.wrap_future(result)

    def _serve(self) -> None:
        """Bring what has come, and fetch what comes of it, unless calls that do so are at work."""
        while self._arrived:
            brought, result = self._arrived.popleft()
            self._waiting[brought.number] = brought, result
            self._new.append(brought)
        if self._new:
            self._start("bring", self._bring)
        if self._waiting:
            self._start("fetch", self._fetch)

    def _start(self, what: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        if what not in self._at_work:
            self._at_work[what] = task = background().create_task(self._guarded(work()))
            task.add_done_callback(lambda _: self._ended(what))

    def _ended(self, what: str) -> None:
        del self._at_work[what]
        self._serve()

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as error:  # noqa: BLE001 - raised again where each answer is waited for
            waiting, self._waiting, self._new, self._known = self._waiting, {}, [], False
            for _, result in waiting.values():
                if result.set_running_or_notify_cancel():
                    result.set_exception(error)

    async def _bring(self) -> None:
        some, self._new = self._new[:_MOST], self._new[_MOST:]
        anew, self._known = not self._known, True
        known = await self._called(lambda actor: actor.bring.remote(self._process, some, anew=anew))
        if not known:
            self._forgotten()

    async def _fetch(self) -> None:
        outcomes = await self._called(lambda actor: actor.fetch.remote(self._process))
        if outcomes is None:
            self._forgotten()
            await asyncio.sleep(_AGAIN_S)
            return
        self._lost = 0
        for number, outcome in outcomes:
            _, result = self._waiting.pop(number, (None, None))
            if result is None or not result.set_running_or_notify_cancel():
                continue  # it was brought twice, or nobody waits any longer
            if isinstance(outcome, Exception):
                result.set_exception(outcome)
            else:
                result.set_result(outcome)

    def _forgotten(self) -> None:
        """Bring all that waits again."""
        self._known = False
        self._new = [brought for brought, _ in self._waiting.values()]
        self._serve()

    async def _called(self, call: Callable[[Any], Awaitable[R]]) -> R | None:
        """Call the actor; None if it has gone with the process that made it, and there is another one."""
        import ray
        from ray.exceptions import ActorDiedError

        if not ray.is_initialized():  # a call would start it again
            told = "Ray was shut down, and with it the actor in which answers meet"
            raise RewardError(FailureKind.UNAVAILABLE, told)
        actor = self._actor
        try:
            return await call(actor)
        except ActorDiedError:
            if self._actor is actor:
                self._lost += 1
                if self._lost == _LIVES:
                    self._lost = 0
                    told = f"the actor in which answers meet has died {_LIVES} times"
                    raise RewardError(FailureKind.CRASH, told, retriable=True) from None
                self._actor = self._make()
            return None
