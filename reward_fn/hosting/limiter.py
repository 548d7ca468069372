"""Rate limits for all processes of a cluster: clients of LLMs ask one actor of Ray's before they send.

    ray.init()
    attach_limits()
    llm = OpenaiLLM(model="qwen3-8b", requests_per_minute=500)  # 500 for all processes that did the same, not for each

A process that has called `attach_limits` asks the actor through `ClusterPermits`, in batches.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

from pydantic import BaseModel, ConfigDict, Field

from reward_fn import loop
from reward_fn.hosting.actors import named_actor
from reward_fn.hosting.background import require_ray
from reward_fn.hosting.limiter_actor import News, RateLimiter, Reply
from reward_fn.judges.llm.breaker import Outcome
from reward_fn.judges.llm.limits import Limits
from reward_fn.judges.llm.permits import ClosedError, Permit, Permits, local_permits, use_permits
from reward_fn.schema import FailureKind, RewardError

ACTOR = "reward_fn limits"
"""The actor's name, also in Ray's dashboard."""
NAMESPACE = "reward_fn"
"""Where the actor is that several jobs share."""
_GAP_S = 0.005
"""News that come while a call is out are collected for so long."""
_DEAD_PAUSE_S = 0.2
"""After the actor has gone for good, so long until another one is asked for."""


class LimiterSettings(BaseModel):
    """Who shares limits, and how."""

    model_config = ConfigDict(extra="forbid")

    job: str | None = Field(
        default=None, description="what this process works for: jobs take turns at a limit; by default Ray's job"
    )
    detached: bool = Field(
        default=False,
        description="whether all jobs of the cluster share limits, in an actor that outlives them; else those of a job",
    )
    lease_s: float = Field(
        default=10.0,
        gt=0,
        description="seconds after which a process that is not heard of is gone, and its requests no longer in flight",
    )


def attach_limits(settings: LimiterSettings | None = None) -> None:
    """Have the LLM clients of this process share limits with those of all processes that call this, on other nodes too.

    Clients that have sent something before keep what they have. So do clients without any limit: to ask the actor for
    each request would only take time.

    Args:
        settings: Who shares them; `lease_s` is that of the process that asks for a permit first.

    Raises:
        RuntimeError: This process is not connected to Ray.
    """
    require_ray()
    import ray

    settings = settings or LimiterSettings()
    job = settings.job or ray.get_runtime_context().get_job_id()
    find = partial(_found, settings.lease_s, settings.detached)
    live: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, ClusterPermits]] = WeakKeyDictionary()

    def permits(name: str, limits: Limits) -> Permits:
        if limits == Limits():
            return local_permits(name, limits)
        shared = live.setdefault(asyncio.get_running_loop(), {})
        if name not in shared:
            shared[name] = ClusterPermits(name, limits, job, find, settings.lease_s)
            loop.at_end(shared[name].close)
        else:
            shared[name].restrict(limits)
        return shared[name]

    use_permits(permits)


def _found(lease_s: float, detached: bool) -> Any:  # noqa: ANN401 - an actor's handle
    """Return the actor, after making it if there is none."""
    shared: dict[str, Any] = {"detached": True, "namespace": NAMESPACE} if detached else {}
    return named_actor(RateLimiter, ACTOR, lease_s, **shared)


class ClusterPermits(Permits):
    """Permits from the cluster's budget.

    Args:
        name: The budget's name.
        limits: What it keeps.
        job: What this process works for.
        find: Returns the actor that has the budget, after making it if it is not there.
        lease_s: How long the actor waits for a sign of life.
    """

    def __init__(self, name: str, limits: Limits, job: str, find: Callable[[], Any], lease_s: float) -> None:
        super().__init__()
        self._name, self._limits, self._job, self._find, self._lease_s = name, limits, job, find, lease_s
        self._id = uuid.uuid4().hex
        self._actor: Any = None
        self._known = False
        self._hello = asyncio.Lock()
        self._waiting: dict[int, tuple[int, int]] = {}
        self._held: dict[int, int] = {}
        self._new: list[tuple[int, int, int]] = []
        self._gone: list[int] = []
        self._back: list[tuple[int, int | None, Outcome]] = []
        self._pause_s = 0.0
        self._open_at = 0.0
        self._out = False
        self._calls: set[asyncio.Task[None]] = set()
        self._unanswered = 0
        self._next: asyncio.Handle | None = None
        self._beat: asyncio.TimerHandle | None = None

    @property
    def closed_for(self) -> float:
        """See `Permits`."""
        return max(0.0, self._open_at - asyncio.get_running_loop().time())

    @property
    def out(self) -> bool:
        """See `Permits`."""
        return self._out

    def release(self, permit: Permit, used: int | None, outcome: Outcome) -> None:
        """See `Permits`."""
        self._held.pop(permit.number, None)
        self._back.append((permit.number, used, outcome))
        self._tell()

    def pause(self, seconds: float) -> None:
        """See `Permits`."""
        if seconds > 0:
            self._close_for(seconds)
            self._pause_s = max(self._pause_s, seconds)
            self._tell()

    def restrict(self, limits: Limits) -> None:
        """See `Permits`."""
        stricter = self._limits.strictest(limits)
        if stricter != self._limits:
            self._limits, self._known = stricter, False  # said with the next `hello`

    def _ask(self, permit: Permit, priority: int) -> None:
        if self.closed_for > 0:
            self._refuse(permit.number, ClosedError())
            return
        self._waiting[permit.number] = permit.tokens, priority
        self._new.append((permit.number, permit.tokens, priority))
        self._tell()

    def _leave(self, permit: Permit, priority: int) -> None:
        if self._waiting.pop(permit.number, None):
            self._gone.append(permit.number)
            self._tell()

    def _close_for(self, seconds: float) -> None:
        self._open_at = max(self._open_at, asyncio.get_running_loop().time() + seconds)

    def _tell(self) -> None:
        """Call the actor soon: with all that the callbacks of this moment have to say."""
        if self._next is None:
            running = asyncio.get_running_loop()
            wait = self._unanswered > 0
            self._next = running.call_later(_GAP_S, self._call) if wait else running.call_soon(self._call)

    def _call(self) -> None:
        self._next = None
        task = asyncio.get_running_loop().create_task(self._exchange())
        self._calls.add(task)
        task.add_done_callback(self._called)

    def _called(self, task: asyncio.Task[None]) -> None:
        self._calls.discard(task)
        if self._beat is not None:
            self._beat.cancel()
            self._beat = None
        if task.cancelled() or self._calls:
            return
        if self._waiting:
            self._tell()
        elif self._held:
            self._beat = asyncio.get_running_loop().call_later(self._lease_s / 3, self._tell)

    async def _exchange(self) -> None:
        import ray
        from ray.exceptions import RayActorError

        try:
            if not ray.is_initialized():  # a call would start it again
                raise RewardError(FailureKind.UNAVAILABLE, "Ray was shut down, and with it the limits of the cluster")
            self._unanswered += 1
            try:
                actor = await self._introduced()
                reply: Reply | None = await actor.exchange.remote(self._id, self._news())
            finally:
                self._unanswered -= 1
            if reply is not None:
                self._take(reply)
            elif self._actor is actor:
                self._known = False
        except RayActorError:  # it ended with the process that made it: ask for another
            self._actor, self._known = None, False
            await asyncio.sleep(_DEAD_PAUSE_S)
        except Exception as error:  # noqa: BLE001 - raised again where each permit is waited for
            self._known = False
            for number in list(self._waiting):
                del self._waiting[number]
                self._refuse(number, error)

    async def _introduced(self) -> Any:  # noqa: ANN401 - an actor's handle
        """Return the actor, which knows this process."""
        async with self._hello:
            if not self._known:
                actor = self._actor = self._actor or await asyncio.to_thread(self._find)
                waiting = [(number, tokens, priority) for number, (tokens, priority) in self._waiting.items()]
                self._news()  # all of it is in what follows, but for the tokens of those that came back
                self._known = True  # stricter limits that come meanwhile are said again
                await actor.hello.remote(self._id, self._name, self._job, self._limits, dict(self._held), waiting)
            return self._actor

    def _news(self) -> News:
        news = News(self._new, self._gone, self._back, self._pause_s)
        self._new, self._gone, self._back, self._pause_s = [], [], [], 0.0
        return news

    def _take(self, reply: Reply) -> None:
        self._out = reply.out
        if reply.closed_for > 0:
            self._close_for(reply.closed_for)
        for number in reply.granted:
            asked = self._waiting.pop(number, None)
            if asked is not None:
                self._held[number] = asked[0]
                self._grant(number)
            elif number not in self._held:  # whoever asked has gone
                self._back.append((number, None, Outcome.UNSENT))
                self._tell()
        for number in reply.refused:
            if self._waiting.pop(number, None):
                self._refuse(number, ClosedError())

    async def close(self) -> None:
        """Give all back."""
        for handle in (self._next, self._beat):
            if handle is not None:
                handle.cancel()
        for task in list(self._calls):
            task.cancel()
        import ray

        if self._actor is not None and ray.is_initialized():
            self._actor.leave.remote(self._id)
