"""A process that does with the cluster's shared parts what a reward worker of verl's does, and with nothing else.

Its judge is a pause of half a second to three. For each answer it has a rule worked out that does nothing, asks the
cache, takes a permit of the limiter, waits for the judge, has the verdict kept, and brings it to the cohort. What these
take beyond the pause is what they add.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ray.actor import ActorMethod

from reward_fn.hosting.cache import attach_cache
from reward_fn.hosting.cohort import ClusterCohort
from reward_fn.hosting.cohort_actor import Judge
from reward_fn.hosting.limiter import attach_limits
from reward_fn.hosting.rules import RulePoolSettings, attach_rules
from reward_fn.judges.llm.breaker import Outcome
from reward_fn.judges.llm.limits import Limits
from reward_fn.judges.llm.permits import permits_of
from reward_fn.once import Made, once
from reward_fn.schema import RewardResult
from reward_fn.store import open_store
from reward_fn.workers.pool import pool
from reward_fn.workers.times import result_of

COHORT = "reward_fn cohort of fakes"
GROUP = 8
"""Answers to a prompt."""
SPREAD_S = 5.0
"""The answers to a prompt come within so many seconds."""
JUDGE_S = (0.5, 3.0)
ANSWER = "word " * 400
PLENTY = Limits(requests_per_minute=6e7, tokens_per_minute=6e9, max_in_flight=100_000)
"""Limits that are kept, and are never in the way: waiting for them is what they are for."""


@dataclass(frozen=True)
class Load:
    """What the processes do for a while.

    Attributes:
        number: Which load of the run it is; its draws depend on it.
        processes: How many processes share it.
        rate: Answers a second that each of them gets.
        seconds: How long answers come.
    """

    number: int
    processes: int
    rate: float
    seconds: float


@dataclass
class Times:
    """Seconds that each shared part has added to answers, and when the answers of a group met.

    Attributes:
        rules: Of a rule.
        cache: Of looking up and keeping a verdict.
        permit: Of a permit.
        met: By answer: its group, when it was brought, and when it had its result, by the machine's clock.
    """

    rules: list[float] = field(default_factory=list)
    cache: list[float] = field(default_factory=list)
    permit: list[float] = field(default_factory=list)
    met: list[tuple[str, float, float]] = field(default_factory=list)


class FakeWorker:
    """The process.

    Args:
        place: Its number among all of them.
    """

    def __init__(self, place: int) -> None:
        self._place, self._calls = place, counted_calls()
        attach_limits()
        attach_rules(RulePoolSettings(workers=1))
        attach_cache()
        self._store = open_store(None)
        self._cohort = ClusterCohort(COHORT, fake_judge, 60.0)

    async def process(self) -> int:
        """Have the parts made and known here, and return the process's id."""
        times = Times()
        await asyncio.gather(*(self._score(f"first of {self._place}", str(n), 0.0, times) for n in range(GROUP)))
        return os.getpid()

    async def work(self, load: Load) -> tuple[Times, dict[str, int]]:
        """Score the answers that are this process's; return what was added to them, and the calls of actors."""
        times = Times()
        before = Counter(self._calls)
        start = time.monotonic()

        async def one(at: float, group: str, member: str, judge_s: float) -> None:
            await asyncio.sleep(start + at - time.monotonic())
            await self._score(group, member, judge_s, times)

        await asyncio.gather(*(one(*answer) for answer in self._answers(load)))
        return times, dict(self._calls - before)

    def _answers(self, load: Load) -> list[tuple[float, str, str, float]]:
        """Return those of all processes' answers that are this one's: when each comes, its group, name and pause."""
        draw = random.Random(load.number)
        found = []
        for number in range(round(load.processes * load.rate * load.seconds / GROUP)):
            first = draw.uniform(0, load.seconds)
            for member in range(GROUP):
                at, pause, whose = draw.uniform(0, SPREAD_S), draw.uniform(*JUDGE_S), draw.randrange(load.processes)
                if whose == self._place:
                    found.append((first + at, f"{load.number} {number}", str(member), pause))
        return found

    async def _score(self, group: str, member: str, judge_s: float, times: Times) -> None:
        start = time.monotonic()
        await result_of(pool().submit(os.getpid, timeout_s=60.0))
        times.rules.append(time.monotonic() - start)
        permits = permits_of("http://fake/v1", "", "fake", PLENTY)
        made_s = 0.0

        async def make(keys: list[str]) -> dict[str, Made[int]]:
            nonlocal made_s
            start = time.monotonic()
            permit = await permits.acquire(900, 0)
            times.permit.append(time.monotonic() - start)
            await asyncio.sleep(judge_s)
            permits.release(permit, 900, Outcome.WORKED)
            made_s = time.monotonic() - start
            return dict.fromkeys(keys, (1, b"x" * 200))

        start = time.monotonic()
        await once(self._store, [f"{group}/{member}"], len, make)
        times.cache.append(time.monotonic() - start - made_s)
        brought = time.monotonic()
        await self._cohort.join(group, member, GROUP, ANSWER)
        times.met.append((group, brought, time.monotonic()))


def fake_judge() -> Judge[str]:
    """Return a judge that finds all answers equal."""

    async def judge(answers: Sequence[str]) -> list[RewardResult]:
        return [RewardResult.of("group", 0) for _ in answers]

    return judge


def counted_calls() -> Counter[str]:
    """Count the calls of actors that this process makes from now on, by class."""
    calls: Counter[str] = Counter()
    plain = ActorMethod._remote

    def counting(self: Any, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - Ray's
        calls[self._actor._ray_actor_creation_function_descriptor.class_name] += 1
        return plain(self, *arguments, **options)

    ActorMethod._remote = counting
    return calls
