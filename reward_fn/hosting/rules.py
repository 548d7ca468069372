"""Worker processes for the whole cluster: what rules would do in each of many reward workers, they do in these.

An actor on each node has the node's worker processes, so that there are as many of them as cores however many
processes ask. Which process asks, and where, decides nothing: a job goes where a worker is idle. Jobs are pure
functions, so those of an actor or a node that dies are done again elsewhere.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt

from reward_fn.hosting.actors import named_actor
from reward_fn.hosting.background import Bell, background, require_ray
from reward_fn.hosting.spread import Node, choose
from reward_fn.schema import FailureKind, RewardError
from reward_fn.workers.pool import Kind, WorkerPool, cores, pickled, use_pools
from reward_fn.workers.times import Job, finish

T = TypeVar("T")

_Outcome = tuple[int, bool, Any, float]
"""A call's place in its job, whether it worked, its result or exception, and its seconds at work."""

TRIES = 3
"""How many actors a job may lose before it is taken to be what kills them."""
_TELL_S = 0.1
"""Seconds after which calls that have ended no longer wait for the others of their job."""
KNOWN = 16
"""Nodes that a process uses at most: with all of them, its part of Ray's work would grow with the cluster."""
_LOOK_S = 10.0
"""Seconds after which the cluster is looked over again for nodes that have come, while it has fewer."""
_AGAIN_S = 1.0
"""Seconds between tries to reach a node that does not answer."""


class RulePoolSettings(BaseModel):
    """How the worker processes of a cluster are sized."""

    model_config = ConfigDict(extra="forbid")

    workers: PositiveInt | None = Field(
        default=None, description="worker processes on each node; by default as many as its cores, less `leave`"
    )
    leave: NonNegativeInt = Field(default=0, description="cores of each node that are left to others")
    detached: bool = Field(default=False, description="whether the actors outlive the job")


class RulesActor:
    """A node's worker processes, in an actor of Ray's.

    Args:
        settings: How many there are.
        cores_of_node: The cores that the cluster says the node has; those that the process may use count too.
    """

    def __init__(self, settings: RulePoolSettings, cores_of_node: int) -> None:
        self._size = settings.workers or max(1, min(cores(), cores_of_node) - settings.leave)
        self._pools: dict[Kind, WorkerPool] = {}
        self._jobs = 0

    async def size(self) -> int:
        """Return how many worker processes of a kind there are at most."""
        return self._size

    async def status(self) -> dict[str, float | str]:
        """Return the worker processes of a kind (`workers`), and the jobs that are `at_work` and `waiting`."""
        waiting = sum(pool.waiting for pool in self._pools.values())
        return {"workers": self._size, "at_work": self._jobs - waiting, "waiting": waiting}

    async def run(
        self, kind: Kind, content: bytes, places: list[int], timeout_s: float
    ) -> AsyncIterator[tuple[list[_Outcome], int]]:
        """Have a worker make the calls of a job that stand at some places.

        Yields:
            The outcomes of calls that have ended, all at once or one that takes long apart from the others; and how
            many jobs are here now.
        """
        if kind not in self._pools:
            self._pools[kind] = WorkerPool(self._size, kind=kind)
        jobs = self._pools[kind].submit_pickled(content, places, timeout_s)
        waiting = {asyncio.ensure_future(_outcome(place, job)) for place, job in jobs.items()}
        self._jobs += 1
        try:
            while waiting:
                done, waiting = await asyncio.wait(waiting, timeout=_TELL_S)
                if done:
                    yield [one.result() for one in done], self._jobs
        finally:
            self._jobs -= 1


async def _outcome(place: int, job: Job[Any]) -> _Outcome:
    try:
        return place, True, await asyncio.wrap_future(job), job.worked_s
    except Exception as error:  # noqa: BLE001 - the caller's
        return place, False, error, job.worked_s


@dataclass(slots=True)
class _Waiting:
    """Calls of a job that wait to be made, by their places in it.

    Attributes:
        lost: What the actors died of that had them.
    """

    jobs: dict[int, Job[Any]]
    kind: Kind
    content: bytes
    timeout_s: float
    lost: tuple[str, ...] = ()

    @property
    def suspect(self) -> bool:
        """Return whether the next actor that it loses will be the last one."""
        return len(self.lost) == TRIES - 1


class RuleCluster:
    """The workers of all nodes, as one process uses them.

    Args:
        settings: How they are sized, if this is the first process to ask for them.
    """

    def __init__(self, settings: RulePoolSettings) -> None:
        self._settings = settings
        self._nodes: dict[str, Node] = {}
        # Held also while they are lost: Ray ends an actor when the process that made it drops its handle.
        self._actors: dict[str, Any] = {}
        self._opening: set[str] = set()
        self._looked = float("-inf")
        self._waiting: deque[_Waiting] = deque()
        # One at a time: what kills an actor shall not have others given up that were there by chance.
        self._suspects: deque[_Waiting] = deque()
        self._suspect_out = False
        self._bell = Bell(self._hand_out)
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def size(self) -> int:
        """How many workers of a kind there are, as far as is known; before the first job those of this node."""
        return sum(node.workers for node in list(self._nodes.values())) or self._settings.workers or cores()

    def add(self, kind: Kind, content: bytes, calls: int, timeout_s: float) -> list[Job[Any]]:
        """Have a worker make so many calls; see `WorkerPool.submit_pickled`."""
        jobs: list[Job[Any]] = [Job() for _ in range(calls)]
        self._waiting.append(_Waiting(dict(enumerate(jobs)), kind, content, timeout_s))
        self._bell.ring()
        return jobs

    def _hand_out(self) -> None:
        """Send waiting jobs to nodes, as far as there is room."""
        import ray

        if not ray.is_initialized():
            while one := self._next():
                self._suspect_out = False
                told = "this process has left the cluster that its rules ran in"
                _fail(one, RewardError(FailureKind.UNAVAILABLE, told))
            return
        if len(self._nodes) < KNOWN and time.monotonic() - self._looked > _LOOK_S:
            self._look()
        while (node := choose(self._nodes.values())) and (one := self._next()):
            node.mine += 1
            self._start(self._run(node, one))

    def _next(self) -> _Waiting | None:
        """Take what is to be done next, if anything waits."""
        if self._suspects and not self._suspect_out:
            self._suspect_out = True
            return self._suspects.popleft()
        while self._waiting:
            one = self._waiting.popleft()
            if not one.lost:
                one.jobs = {place: job for place, job in one.jobs.items() if job.set_running_or_notify_cancel()}
            if one.jobs:
                return one
        return None

    async def _run(self, node: Node, one: _Waiting) -> None:
        from ray.exceptions import RayActorError

        suspect = one.suspect
        run = node.actor.run.options(num_returns="streaming", max_task_retries=0)  # Ray would wait for the same actor
        try:
            async for some in run.remote(one.kind, one.content, list(one.jobs), one.timeout_s):
                outcomes, here = await some
                node.others = max(0, here - node.mine)
                for place, *outcome in outcomes:
                    finish(one.jobs.pop(place), *outcome)
        except RayActorError as error:
            self._lose(node)
            self._repeat(one, str(error).splitlines()[0])
        except Exception as error:  # noqa: BLE001 - the callers'
            _fail(one, error)
        node.mine -= 1
        self._suspect_out = self._suspect_out and not suspect
        self._hand_out()

    def _repeat(self, one: _Waiting, lost: str) -> None:
        """Have calls made again that have lost their actor, each by itself, if that may help."""
        for place, job in one.jobs.items():
            again = replace(one, jobs={place: job}, lost=(*one.lost, lost))
            if len(again.lost) == TRIES:
                told = f"{TRIES} rule actors died with it, the last one so: {lost}"
                _fail(again, RewardError(FailureKind.CRASH, told))
            elif again.suspect:
                self._suspects.append(again)
            else:
                self._waiting.appendleft(again)

    def _lose(self, node: Node) -> None:
        """Send a node no more jobs until its actor answers again."""
        if self._nodes.get(node.name) is node:
            del self._nodes[node.name]
            self._look()

    def _look(self) -> None:
        """Open nodes of the cluster that are not open yet: the own one, and others by chance."""
        import ray

        self._looked = time.monotonic()
        alive = {node["NodeID"]: node for node in ray.nodes() if node["Alive"]}
        own = ray.get_runtime_context().get_node_id()
        # A node without cores, as the head of many clusters, is meant to do no such work.
        useful = {name for name, node in alive.items() if node["Resources"].get("CPU", 0) >= 1} or {own}
        open_already = self._nodes.keys() | self._opening
        drawn = sorted(useful - open_already, key=lambda name: (name != own, random.random()))
        for name in drawn[: max(0, KNOWN - len(open_already))]:
            self._opening.add(name)
            self._start(self._open(alive[name], own == name))

    async def _open(self, described: dict[str, Any], own: bool) -> None:
        from ray.exceptions import ActorDiedError, RayError
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        name = described["NodeID"]
        try:
            if name not in self._actors:
                self._actors[name] = named_actor(
                    RulesActor,
                    f"reward_fn rules {described['NodeManagerAddress']} {name[:8]}",
                    self._settings,
                    int(described["Resources"].get("CPU", 0)),
                    detached=self._settings.detached,
                    scheduling_strategy=NodeAffinitySchedulingStrategy(name, soft=False),
                )
            actor = self._actors[name]
            self._nodes[name] = Node(name, actor, await actor.size.remote(), own)
        except RayError as error:  # the node is going, or the actor went with who made it: the next look tells
            if isinstance(error, ActorDiedError):
                del self._actors[name]
            await asyncio.sleep(_AGAIN_S)
            self._looked = float("-inf")
        finally:
            self._opening.discard(name)
            self._hand_out()

    def _start(self, work: Any) -> None:  # noqa: ANN401 - a coroutine
        task = background().create_task(work)
        self._tasks.add(task)  # the event loop itself keeps no hold on its tasks
        task.add_done_callback(self._tasks.discard)


def _fail(one: _Waiting, error: Exception) -> None:
    for job in one.jobs.values():
        finish(job, False, error, 0.0)


class ClusterPool:
    """The workers of a kind on all nodes; used as a `WorkerPool` is.

    Args:
        cluster: The nodes.
        kind: What the workers run.
    """

    def __init__(self, cluster: RuleCluster, kind: Kind) -> None:
        self._cluster, self._kind = cluster, kind

    @property
    def size(self) -> int:
        """How many there are at most, as far as is known."""
        return self._cluster.size

    def submit(self, function: Callable[..., T], *arguments: object, timeout_s: float) -> Job[T]:
        """Have a worker call a function; see `WorkerPool.submit`.

        Its exception is also a `RewardError` of kind CRASH if several actors died with it.
        """
        return self.submit_all(function, [arguments], timeout_s)[0]

    def submit_all(
        self, function: Callable[..., T], calls: Sequence[tuple[object, ...]], timeout_s: float
    ) -> list[Job[T]]:
        """Have a worker call a function several times; see `WorkerPool.submit_all`."""
        return self._cluster.add(self._kind, pickled(function, calls, timeout_s), len(calls), timeout_s)


def attach_rules(settings: RulePoolSettings | None = None) -> None:
    """Have the rules in this process use the workers of the cluster; its actors are made by the first job.

    Args:
        settings: How the workers are sized, if no other process has made the actors before.

    Raises:
        RuntimeError: This process is not connected to Ray.
    """
    require_ray()
    use_pools(partial(ClusterPool, RuleCluster(settings or RulePoolSettings())))
