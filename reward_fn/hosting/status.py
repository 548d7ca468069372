"""What goes on in a cluster now: the hosted actors of all its jobs are asked, and their boards read."""

from __future__ import annotations

import asyncio
import os
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from reward_fn.hosting.board import ACTOR as BOARD
from reward_fn.hosting.board_actor import Process, View
from reward_fn.hosting.tally import Key, Tally
from reward_fn.judges.llm.traffic import Place, Traffic

ANSWER_S = 5.0
"""How long an actor may take to answer."""
_OURS = "reward_fn "
"""How the names of hosted actors begin."""


@dataclass(frozen=True, slots=True)
class RewardStatus:
    """A reward on a route, in all processes of a job.

    Attributes:
        reward: Its name.
        route: The route.
        in_flight: Answers that are being scored.
        scored: Answers that have a score.
        failures: Answers that have none, by the kind of failure.
        p50_s: The median of the seconds of an answer.
        p95_s: What 95 % of the answers stayed below or at.
        p99_s: What 99 % of them did.
        queue_s: Seconds in queues, the mean of the answers.
        work_s: Seconds at work in worker processes and of requests in flight, the mean of the answers.
        hits: The share of look-ups in caches that found something; None if there were none.
        tokens: Tokens of LLMs.
        cost: Dollars.
    """

    reward: str
    route: str
    in_flight: int
    scored: int
    failures: dict[str, int]
    p50_s: float
    p95_s: float
    p99_s: float
    queue_s: float
    work_s: float
    hits: float | None
    tokens: int
    cost: float


@dataclass(frozen=True, slots=True)
class EndpointStatus:
    """A model behind a URL, as all processes of a job use it; see `Traffic`."""

    model: str
    endpoint: str
    in_flight: int
    waiting: int
    requests: int
    retries: int
    failures: dict[str, int]
    tokens: int
    cost: float
    out: bool


@dataclass(frozen=True, slots=True)
class ActorStatus:
    """A hosted actor.

    Attributes:
        name: Its name.
        state: `alive`, or what is wrong.
        node: The address of its node; empty if that is not known.
        process: Its process id there; 0 if that is not known.
        facts: What it says of itself.
    """

    name: str
    state: str
    node: str
    process: int
    facts: dict[str, float | str]


@dataclass(frozen=True, slots=True)
class JobStatus:
    """The rewards of a job.

    Attributes:
        namespace: The namespace of its actors.
        job: Ray's number for it; empty if no actor answers.
        rewards: What is scored, as its board has it.
        endpoints: Which LLMs are asked.
        processes: The processes that report.
        actors: The hosted actors.
    """

    namespace: str
    job: str
    rewards: list[RewardStatus]
    endpoints: list[EndpointStatus]
    processes: list[Process]
    actors: list[ActorStatus]


def cluster_status(answer_s: float = ANSWER_S) -> list[JobStatus]:
    """Ask all hosted actors of the cluster that this process is connected to.

    Args:
        answer_s: How long each may take.
    """
    return asyncio.run(_cluster_status(answer_s))


async def _cluster_status(answer_s: float) -> list[JobStatus]:
    import ray

    by_namespace: dict[str, list[str]] = defaultdict(list)
    for one in ray.util.list_named_actors(all_namespaces=True):
        if one["name"].startswith(_OURS):
            by_namespace[one["namespace"]].append(one["name"])
    return await asyncio.gather(
        *(_job(namespace, sorted(names), answer_s) for namespace, names in sorted(by_namespace.items()))
    )


async def _job(namespace: str, names: list[str], answer_s: float) -> JobStatus:
    found = await asyncio.gather(*(_asked(name, namespace, answer_s) for name in names))
    views = [view for _, _, view in found if view is not None]
    view = views[0] if views else View({}, {}, [])
    return JobStatus(
        namespace,
        next((job for _, job, _ in found if job), ""),
        [_reward(key, tally) for key, tally in sorted(view.rewards.items())],
        [_endpoint(place, traffic) for place, traffic in sorted(view.endpoints.items())],
        view.processes,
        [actor for actor, _, _ in found],
    )


async def _asked(name: str, namespace: str, answer_s: float) -> tuple[ActorStatus, str, View | None]:
    """Return what an actor says of itself, its job, and what stands on it if it is a board."""
    import ray

    try:
        actor = ray.get_actor(name, namespace=namespace)
        questions = [actor.__ray_call__.remote(_place), actor.status.remote()]
        if name == BOARD:
            questions.append(actor.view.remote())
        (node, process, job), facts, *views = await asyncio.wait_for(asyncio.gather(*questions), answer_s)
    except asyncio.TimeoutError:
        return ActorStatus(name, f"no answer in {answer_s:g} s", "", 0, {}), "", None
    except Exception as error:  # noqa: BLE001 - it has ended meanwhile, is of another version: the others are shown
        told = f"{type(error).__name__}: {error}".splitlines()[0]
        return ActorStatus(name, told, "", 0, {}), "", None
    return ActorStatus(name, "alive", node, process, facts), job, views[0] if views else None


def _place(_: Any) -> tuple[str, int, str]:  # noqa: ANN401 - the actor
    """Return the node, the process and the job of the actor in which this is called."""
    import ray

    return ray.util.get_node_ip_address(), os.getpid(), ray.get_runtime_context().get_job_id()


def _reward(key: Key, tally: Tally) -> RewardStatus:
    total, answers = tally.total, max(1, tally.seconds.counts.total())
    p50_s, p95_s, p99_s = (tally.seconds.quantile(share) for share in (0.5, 0.95, 0.99))
    return RewardStatus(
        *key,
        tally.in_flight,
        tally.scored,
        dict(tally.failures.most_common()),
        p50_s,
        p95_s,
        p99_s,
        total.queue_s / answers,
        total.work_s / answers,
        total.found / total.asked if total.asked else None,
        round(total.tokens),
        total.cost,
    )


def _endpoint(place: Place, traffic: Traffic) -> EndpointStatus:
    failures = dict(traffic.failures.most_common())
    return EndpointStatus(
        *place,
        traffic.in_flight,
        traffic.waiting,
        traffic.requests,
        traffic.retries,
        failures,
        traffic.tokens,
        traffic.cost,
        traffic.out,
    )
