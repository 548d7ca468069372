"""The cache of a whole cluster: what one process has paid for, no other pays for again, not even at the same time."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, PositiveInt

from reward_fn.hosting.actors import named_actor
from reward_fn.hosting.background import Bell, background, require_ray
from reward_fn.hosting.cache_actor import LEASE_S, CacheActor
from reward_fn.store import Store, use_store

T = TypeVar("T")

_MEGABYTE = 2**20
_MOST = 500
"""Requests in one call of the actor."""
_AT_ONCE = 2
"""Calls of one process at work at a time; what is asked for meanwhile goes into the next one."""
_ANSWER_S = 10.0
"""How long the actor may take to answer, or to come back."""
_REST_S = 10.0
"""How long it is not asked after it could not be."""

_logger = logging.getLogger(__name__)


class CacheSettings(BaseModel):
    """Where a cluster's cache keeps its contents, and how many."""

    model_config = ConfigDict(extra="forbid")

    path: Path | None = Field(
        default=None, description="the SQLite file, on the head node; without it contents are in the actor's memory"
    )
    max_mb: PositiveInt = Field(
        default=1024, description="megabytes; of more, the oldest go (in memory those that were unused for longest)"
    )
    detached: bool = Field(default=False, description="whether the actor outlives the job")


@dataclass(slots=True)
class _Request:
    """What one caller wants of the actor."""

    claim: Collection[str] = ()
    get: Collection[str] = ()
    put: Mapping[str, bytes] = field(default_factory=dict)
    release: Collection[str] = ()
    answer: Future[tuple[dict[str, bytes], frozenset[str]]] = field(default_factory=Future)


class ClusterStore(Store):
    """A store in an actor that all processes of the cluster find by its name.

    What cannot be asked of the actor is as if it were not there: the requests are made, the failures counted, and the
    first one logged.

    Args:
        name: The actor's name.
        settings: What it is made with, if this is the first process to ask for it.

    Attributes:
        failures: How often the actor could not be asked.
    """

    def __init__(self, name: str, settings: CacheSettings) -> None:
        self.failures = 0
        self._name, self._settings = name, settings
        self._process = uuid.uuid4().hex
        self._actor: Any = None
        self._rests_until = 0.0
        self._waiting: deque[_Request] = deque()
        self._calls = 0
        self._bell = Bell(self._send)
        self._claimed: set[str] = set()
        self._renewal: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def get(self, keys: Collection[str]) -> dict[str, bytes]:
        """Return the contents of the keys that it has."""
        return self._ask(_Request(get=keys)).result()[0]

    def put(self, contents: Mapping[str, bytes]) -> None:
        """Keep contents by their keys."""
        self._ask(_Request(put=contents)).result()

    def stats(self) -> dict[str, int]:
        """Return the counts of `CacheActor.stats`; none if it cannot be asked."""
        work = self._tried(lambda actor: actor.stats.remote(), _ANSWER_S)
        return asyncio.run_coroutine_threadsafe(work, background()).result() or {}

    async def aget(self, keys: Collection[str]) -> dict[str, bytes]:
        """Do as `get`, without blocking the event loop."""
        return (await asyncio.wrap_future(self._ask(_Request(get=keys))))[0]

    async def aput(self, contents: Mapping[str, bytes]) -> None:
        """Do as `put`, without blocking the event loop."""
        await asyncio.wrap_future(self._ask(_Request(put=contents)))

    async def claim(self, keys: Collection[str]) -> tuple[dict[str, bytes], frozenset[str]]:
        """Say that this process will make the contents that are missing; see `Store.claim`."""
        return await asyncio.wrap_future(self._ask(_Request(claim=keys)))

    async def wait(self, keys: Collection[str]) -> dict[str, bytes]:
        """Wait for contents that other processes make, and return those that have come of it."""
        work = self._tried(lambda actor: actor.wait.remote(list(keys)), None)
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, background())) or {}

    def release(self, keys: Collection[str]) -> None:
        """Say that contents will not be made after all."""
        self._ask(_Request(release=keys))

    def _ask(self, request: _Request) -> Future[tuple[dict[str, bytes], frozenset[str]]]:
        self._waiting.append(request)
        self._bell.ring()
        return request.answer

    def _send(self) -> None:
        """Send what waits, as far as calls may be at work."""
        while self._waiting and self._calls < _AT_ONCE:
            some = [self._waiting.popleft() for _ in range(min(_MOST, len(self._waiting)))]
            self._calls += 1
            self._start(self._exchange(some))

    async def _exchange(self, some: list[_Request]) -> None:
        claim = {key for one in some for key in one.claim}
        get = {key for one in some for key in one.get}
        put = {key: content for one in some for key, content in one.put.items()}
        release = {key for one in some for key in one.release}
        self._claimed -= put.keys() | release
        asked = self._process, claim, get, put, release
        answer: tuple[dict[str, bytes], frozenset[str]] | None
        answer = await self._tried(lambda actor: actor.exchange.remote(*asked), _ANSWER_S)
        found, elsewhere = answer or ({}, frozenset())
        for one in some:
            if one.answer.set_running_or_notify_cancel():  # who has given up releases what it claimed
                self._claimed |= set(one.claim) - elsewhere - found.keys()
                mine = {key: found[key] for key in (*one.claim, *one.get) if key in found}
                one.answer.set_result((mine, elsewhere.intersection(one.claim)))
        if self._claimed and self._renewal is None:
            self._renewal = background().create_task(self._renew())
        self._calls -= 1
        self._send()

    async def _renew(self) -> None:
        """Tell the actor what this process makes, as long as it makes anything."""
        while self._claimed:
            await asyncio.sleep(LEASE_S / 3)
            if keys := list(self._claimed):
                await self._tried(partial(self._still_makes, keys), _ANSWER_S)
        self._renewal = None

    def _still_makes(self, keys: list[str], actor: Any) -> Awaitable[None]:  # noqa: ANN401 - its handle
        told: Awaitable[None] = actor.renew.remote(self._process, keys)
        return told

    async def _tried(self, call: Callable[[Any], Awaitable[T]], seconds: float | None) -> T | None:
        """Call the actor; None if it cannot be asked. Ray itself repeats what an actor that died had at work."""
        from ray.exceptions import ActorDiedError

        if time.monotonic() < self._rests_until:
            return None
        try:
            try:
                return await asyncio.wait_for(call(self._found()), seconds)
            except ActorDiedError:  # it went with the process that had made it
                self._actor = None
                return await asyncio.wait_for(call(self._found()), seconds)
        except Exception as error:  # noqa: BLE001 - whatever it is, the requests can be made without a cache
            # The handle is kept: Ray ends an actor when the process that made it drops its handle.
            self._rests_until = time.monotonic() + _REST_S
            self.failures += 1
            if self.failures == 1:
                _logger.warning("the actor %s cannot be asked, and has nothing while that lasts: %r", self._name, error)
            return None

    def _found(self) -> Any:  # noqa: ANN401 - an actor's handle
        if self._actor is None:
            self._actor = _made(self._name, self._settings)
        return self._actor

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = background().create_task(work)
        self._tasks.add(task)  # the event loop itself keeps no hold on its tasks
        task.add_done_callback(self._tasks.discard)


def _made(name: str, settings: CacheSettings) -> Any:  # noqa: ANN401 - an actor's handle
    """Return the cache of a name, after making it if there is none."""
    require_ray()
    # The head is where a resumed run finds a file again.
    place = {} if settings.path is None else {"resources": {"node:__internal_head__": 0.001}}
    most_bytes = settings.max_mb * _MEGABYTE
    return named_actor(CacheActor, name, settings.path, most_bytes, detached=settings.detached, **place)


def _store_of(settings: CacheSettings, path: Path | None) -> Store:
    if path is None:
        return ClusterStore("reward_fn cache", settings)
    return ClusterStore(f"reward_fn cache {path.absolute()}", settings.model_copy(update={"path": path.absolute()}))


def attach_cache(settings: CacheSettings | None = None) -> None:
    """Have the rewards that this process makes from now on keep their contents in the cluster's cache.

    That is the actor `reward_fn cache`; for a reward that names a file of its own, an actor that has that file.

    Args:
        settings: What the actor is made with, if no other process has made it before.

    Raises:
        RuntimeError: This process is not connected to Ray.
    """
    require_ray()
    settings = settings or CacheSettings()
    if settings.path is not None:
        settings = settings.model_copy(update={"path": settings.path.absolute()})
    use_store(partial(_store_of, settings))
