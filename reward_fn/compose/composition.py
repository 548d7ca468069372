"""What compositions share: they say which rewards are to score which samples, and are given the results.

A composition is written once, as a generator that asks and is answered. The doors drive it: in a thread one request
after the other, in an event loop all at a time. So a batch goes through each part as a batch, and parts that wait for
judges or worker processes do so side by side.
"""

from __future__ import annotations

import asyncio
import math
from abc import abstractmethod
from collections.abc import Generator, Sequence
from typing import Any, ClassVar

from pydantic import Field

from reward_fn import loop
from reward_fn.base import BaseReward
from reward_fn.loading import AnyReward
from reward_fn.progress import Bars
from reward_fn.schema import DataSample, Failure, FailureKind, RewardDimensionWithScore, RewardResult

Results = list[list[RewardResult]]
"""For each sample, a result for each answer."""
Requests = list[tuple[BaseReward, Sequence[DataSample]]]
Plan = Generator[Requests, list[Results], Results]
"""Yields requests, is sent their results, and returns the composition's own."""


class Composition(BaseReward):
    """A reward that is made of others."""

    scoring_pattern: ClassVar[str] = "composition"
    cost: ClassVar[str] = "parts"

    @property
    @abstractmethod
    def inner(self) -> Sequence[BaseReward]:
        """The rewards that it is made of."""

    @abstractmethod
    def _plan(self, samples: Sequence[DataSample]) -> Plan:
        """Ask the parts and make the results of samples."""

    @property
    def _waits(self) -> bool:
        return any(reward._waits for reward in self.inner)

    def score(self, sample: DataSample, **kwargs: Any) -> list[RewardResult]:  # noqa: ANN401
        """Score a sample; see `BaseReward.score`."""
        if self._waits:
            return loop.run(self.ascore(sample, **kwargs))
        return self._score_many([sample], Bars(shown=False), kwargs)[0]

    async def ascore(self, sample: DataSample, **kwargs: Any) -> list[RewardResult]:  # noqa: ANN401
        """Do as `score`, without blocking the event loop where a part waits."""
        return (await self._ascore_many([sample], Bars(shown=False), None, kwargs))[0]

    def _score_many(self, samples: Sequence[DataSample], bars: Bars, kwargs: dict[str, Any]) -> Results:
        plan, answers = self._plan(samples), None
        while True:
            try:
                requests = plan.send(answers)  # type: ignore[arg-type] # None starts a generator
            except StopIteration as end:
                return self._returned(end)
            answers = [list(reward._score_many(some, bars, kwargs)) for reward, some in requests]

    async def _ascore_many(
        self, samples: Sequence[DataSample], bars: Bars, max_workers: int | None, kwargs: dict[str, Any]
    ) -> Results:
        plan, answers = self._plan(samples), None
        while True:
            try:
                requests = plan.send(answers)  # type: ignore[arg-type] # None starts a generator
            except StopIteration as end:
                return self._returned(end)
            asked = (reward._ascore_many(some, bars, max_workers, kwargs) for reward, some in requests)
            answers = await asyncio.gather(*asked)

    def _returned(self, end: StopIteration) -> Results:
        """Return the results of a plan; those under the composition's own name get its version."""
        results: Results = end.value
        return [self._versioned(some) if some and some[0].name == self.name else some for some in results]


class Wrapper(Composition):
    """A composition around one reward, with its parts and its range."""

    of: AnyReward = Field(description="the reward inside")

    @property
    def inner(self) -> Sequence[BaseReward]:
        """The reward inside."""
        return [self.of]

    @property
    def part_names(self) -> tuple[str, ...]:
        """The names of its parts."""
        return self.of.part_names

    @property
    def score_range(self) -> tuple[float, float]:
        """Its range."""
        return self.of.score_range


def names_under(key: str, reward: BaseReward) -> tuple[str, ...]:
    """Return the names of a reward's parts inside a composition that knows it by a key: its score, and its parts."""
    if reward.part_names == (reward.name,):
        return (key,)
    return key, *(f"{key}/{name}" for name in reward.part_names)


def parts_under(key: str, reward: BaseReward, result: RewardResult) -> list[RewardDimensionWithScore]:
    """Return the parts of a result that has a score, by the names of `names_under`."""
    details = [part for part in result.details if isinstance(part, RewardDimensionWithScore)]
    reason = details[0].reason if len(details) == 1 else ""
    parts = [RewardDimensionWithScore.unchecked({"name": key, "score": result.score, "reason": reason})]
    if reward.part_names != (reward.name,):
        parts += [part.changed(name=f"{key}/{part.name}") for part in details]
    return parts


def failed_in(name: str, key: str, result: RewardResult) -> RewardResult:
    """Return the result of a composition one part of which has no score."""
    failure = result.failure or Failure(FailureKind.CRASH, False, "no score")
    return RewardResult.failed(name, Failure(failure.kind, failure.retriable, f"{key}: {failure.detail}"))


def scored(
    name: str, score: float, details: list[RewardDimensionWithScore], extra_data: dict[str, Any] | None = None
) -> RewardResult:
    """Return the result of a composition; a score that is not a finite number is a failure."""
    if not math.isfinite(score):
        return RewardResult.failed(name, Failure(FailureKind.CRASH, False, f"the score is {score}"))
    return RewardResult.of(name, score).changed(details=details, extra_data=extra_data or {})
