"""What adapters share that get a batch of answers at a time: from a trainer's rows to a result for each answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reward_fn.base import BaseReward
from reward_fn.compose.composition import Composition
from reward_fn.loading import load_reward, reward_of
from reward_fn.schema import DataSample, Failure, FailureKind, RewardDimensionWithScore, RewardError, RewardResult

Described = BaseReward | str | Path | Mapping[str, Any]
"""A reward; or its name, a mapping with its name and fields, or a YAML file (a path, or a text that ends in .yaml)."""

_COMPARING = ("listwise", "pairwise")


def described_reward(described: Described) -> BaseReward:
    """Return the reward that is meant.

    Raises:
        RewardConfigError: There is no such reward or field.
        FileNotFoundError: The file is not there.
    """
    if isinstance(described, Path) or (isinstance(described, str) and described.endswith((".yaml", ".yml"))):
        return load_reward(described)
    return reward_of(described)


def comparing(reward: BaseReward) -> BaseReward | None:
    """Return the reward, or the part of it, that compares answers; None if none does."""
    if reward.scoring_pattern in _COMPARING:
        return reward
    inner = reward.inner if isinstance(reward, Composition) else []
    return next((found for part in inner if (found := comparing(part))), None)


def versions(reward: BaseReward) -> dict[str, int]:
    """Return the versions of a reward and of all that it is made of, by their names."""
    inner = reward.inner if isinstance(reward, Composition) else []
    return {reward.name: reward.version} | {name: one for part in inner for name, one in versions(part).items()}


def part_names(reward: BaseReward) -> tuple[str, ...]:
    """Return the names of the parts of every result; none for a reward that is its own only part."""
    return () if reward.part_names == (reward.name,) else reward.part_names


def part_scores(result: RewardResult) -> dict[str, float]:
    """Return the scores of a result's parts."""
    return {part.name: float(part.score) for part in result.details if isinstance(part, RewardDimensionWithScore)}


def failure_in(result: RewardResult) -> Failure | None:
    """Return why a result has no score; None if it has one."""
    if result.score is not None:
        return None
    return result.failure or Failure(FailureKind.CRASH, False, "the reward gave neither score nor failure")


@dataclass(frozen=True, slots=True)
class NoSample:
    """Rows that are no sample.

    Attributes:
        failure: Why.
        answers: How many answers there are in them.
    """

    failure: Failure
    answers: int


Unit = DataSample | NoSample


def unit(make: Callable[[], DataSample], answers: int) -> Unit:
    """Return a sample of so many answers; where it cannot be made, why."""
    try:
        return make()
    except RewardError as error:
        return NoSample(error.failure, answers)


def score_units(reward: BaseReward, units: Sequence[Unit]) -> list[RewardResult]:
    """Return a result for each answer, in order; what can wait does so at the same time."""
    return _in_order(reward, units, reward.score_batch(_samples(units)))


async def ascore_units(reward: BaseReward, units: Sequence[Unit]) -> list[RewardResult]:
    """Do as `score_units`, without blocking the event loop where the reward waits."""
    return _in_order(reward, units, await reward.ascore_batch(_samples(units)))


def _samples(units: Iterable[Unit]) -> list[DataSample]:
    return [one for one in units if isinstance(one, DataSample)]


def _in_order(reward: BaseReward, units: Iterable[Unit], scored: Iterable[list[RewardResult]]) -> list[RewardResult]:
    rest = iter(scored)
    return [
        result
        for one in units
        for result in (
            [RewardResult.failed(reward.name, one.failure)] * one.answers if isinstance(one, NoSample) else next(rest)
        )
    ]
