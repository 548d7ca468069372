"""The actor that decides how many servers a model has, and tells its users where they are."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from reward_fn.hosting.models.directory import Listing, Users
from reward_fn.hosting.models.room import impossible, missing
from reward_fn.hosting.models.scale import Scale
from reward_fn.hosting.models.server import Condition
from reward_fn.hosting.models.settings import ModelSettings

ANSWER_S = 0.5
"""Users that have requests say so this often."""
_LOOK_S = 0.25
"""Seconds between looks at the load."""
_PLACE_S = 3.0
"""A replica that has no place after so long waits for one."""
_DRAIN_S = 300.0
"""A replica too many is ended after so long, though it may have requests."""
_REST_S = 30.0
"""After a replica has failed for good, so long until another is made."""


@dataclass(eq=False, slots=True)
class _One:
    """A replica.

    Attributes:
        actor: Its handle.
        made: When it was made, or found.
        placed: Whether it has a place on a node.
        condition: How its server is.
        left: The version of the listing since which it is not listed because it is one too many; None if it is not.
        left_at: When that was.
        following: What follows its news.
    """

    actor: Any
    made: float
    placed: bool = False
    condition: Condition = field(default_factory=Condition)
    left: int | None = None
    left_at: float = 0.0
    following: asyncio.Task[None] | None = None


class Controller:
    """A model's servers.

    Args:
        model: What users call the model.
        settings: How it is hosted.
        key: What the servers ask of their users.
        keeper: The actor that makes the replicas.
    """

    def __init__(self, model: str, settings: ModelSettings, key: str, keeper: Any) -> None:  # noqa: ANN401 - a handle
        self._model, self._settings, self._key, self._keeper = model, settings, key, keeper
        self._users = Users()
        self._replicas: dict[int, _One] = {}
        self._wanted = 0
        self._failure = ""
        self._rests_until = 0.0
        # By the clock, so that no version of a controller that has died comes again.
        self._listing = Listing(time.time_ns())
        self._changed = asyncio.Event()
        self._tending: asyncio.Task[None] | None = None

    async def exchange(self, user: str, seen: int, waiting: int, in_flight: Mapping[str, int]) -> Listing:
        """Hear what a process has of the model, and answer when there is something new, soon at the latest.

        Args:
            user: The process's name for itself.
            seen: The version of the listing that it goes by; 0 for none.
            waiting: Its requests that wait.
            in_flight: Its requests in flight, by URL.
        """
        self._begin()
        self._users.heard(user, seen, waiting, in_flight, time.monotonic())
        if seen == self._listing.version and (waiting or any(in_flight.values())):
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._changed.wait(), ANSWER_S)
        return self._listing

    async def status(self) -> dict[str, float | str]:
        """Return how many servers there are and are wanted, and what they have to do."""
        self._begin()
        return {
            "path": self._settings.path,
            "engine": self._settings.engine,
            "replicas_ready": len(self._ready()),
            "replicas_wanted": self._wanted,
            "replicas": len(self._replicas),
            "in_flight": self._users.in_flight(),
            "waiting": self._users.waiting,
            "trouble": self._listing.trouble,
        }

    def _begin(self) -> None:
        if self._tending is None:
            self._tending = asyncio.get_running_loop().create_task(self._tend())
        if self._tending.done():
            self._tending.result()  # what has ended it is told to whoever asks

    async def _tend(self) -> None:
        for number, actor in (await self._keeper.replicas.remote()).items():
            self._take_on(number, actor)
        scale = Scale(self._settings, len(self._replicas), time.monotonic())
        while True:
            now = time.monotonic()
            self._users.forget(now)
            self._wanted = scale.wanted(self._users.waiting + self._users.in_flight(), now)
            await self._fit(now)
            self._list()
            await asyncio.sleep(_LOOK_S)

    async def _fit(self, now: float) -> None:
        """Make and end replicas, until there are as many as are wanted."""
        staying = [number for number, one in self._replicas.items() if one.left is None]
        if len(staying) < self._wanted:
            if leaving := [one for one in self._replicas.values() if one.left is not None]:
                leaving[0].left = None
            elif now >= self._rests_until and not self._refusal():
                self._take_on(*await self._keeper.make.remote())
        # Those that are not ready go first, then the newest.
        ready = self._ready()
        for number in sorted(staying, key=lambda number: (number in ready, -number))[: len(staying) - self._wanted]:
            one = self._replicas[number]
            one.left, one.left_at = self._list(), now
        for number, one in list(self._replicas.items()):
            if one.left is not None and self._has_drained(one, now):
                await self._remove(number)

    def _has_drained(self, one: _One, now: float) -> bool:
        assert one.left is not None
        url = one.condition.url
        return url is None or self._users.have_left(url, one.left) or now - one.left_at > _DRAIN_S

    def _take_on(self, number: int, actor: Any) -> None:  # noqa: ANN401 - an actor's handle
        one = self._replicas[number] = _One(actor, time.monotonic())
        one.following = asyncio.get_running_loop().create_task(self._follow(number, one))

    async def _follow(self, number: int, one: _One) -> None:
        """Note how a replica's server is, until it has failed or its actor has died."""
        from ray.exceptions import ActorDiedError, RayError

        seen = 0
        while one.condition.failure is None:
            try:
                news = await one.actor.news.remote(seen)
            except ActorDiedError:
                break
            except RayError:  # it cannot be reached for now, and what cannot be reached takes no requests
                seen, one.condition = 0, Condition()
                await asyncio.sleep(_LOOK_S)
            else:
                one.placed, seen, one.condition = True, news.number, news.condition
            self._list()
        if one.condition.failure is not None:
            self._failure, self._rests_until = one.condition.failure, time.monotonic() + _REST_S
        if self._replicas.get(number) is one:
            await self._remove(number)

    async def _remove(self, number: int) -> None:
        one = self._replicas.pop(number)
        self._list()
        await self._keeper.end.remote(number)
        if one.following is not None and one.following is not asyncio.current_task():
            one.following.cancel()

    def _ready(self) -> list[int]:
        return [number for number, one in self._replicas.items() if one.condition.url and one.left is None]

    def _list(self) -> int:
        """Tell the users if something is different now, and return the version of what they are told."""
        ready = self._ready()
        if ready:
            self._failure = ""
        addresses = tuple((str(self._replicas[number].condition.url), self._key, 1.0) for number in ready)
        refusal = self._refusal() if len(self._replicas) < self._wanted else ""
        trouble = refusal or self._failure or self._wait_for_room()
        told = addresses, trouble, bool(refusal or self._failure) and not self._replicas
        if told != (self._listing.addresses, self._listing.trouble, self._listing.hopeless):
            self._listing = Listing(self._listing.version + 1, *told)
            self._changed.set()
            self._changed = asyncio.Event()
        return self._listing.version

    def _refusal(self) -> str:
        """Return why no node can have a replica; empty if one can."""
        import ray

        return impossible(self._settings, [node["Resources"] for node in ray.nodes() if node["Alive"]]) or ""

    def _wait_for_room(self) -> str:
        import ray

        late = time.monotonic() - _PLACE_S
        if all(one.placed or one.made > late for one in self._replicas.values()):
            return ""
        return missing(self._settings, ray.cluster_resources(), ray.available_resources())
