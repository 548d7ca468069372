"""The scoring patterns: how a sample is cut into what one call scores, and the results are put together."""

from __future__ import annotations

from itertools import combinations
from typing import ClassVar

from reward_fn.base.reward import BaseReward
from reward_fn.schema import (
    DataSample,
    Failure,
    FailureKind,
    RewardDimensionWithRank,
    RewardDimensionWithScore,
    RewardResult,
)


class BasePointWiseReward(BaseReward):
    """Scores each answer by itself: `_evaluate` gets a sample whose only output is that answer."""

    scoring_pattern: ClassVar[str] = "pointwise"

    def _units(self, sample: DataSample) -> list[DataSample]:
        if len(sample.output) == 1:
            return [sample]
        return [sample.changed(output=[output]) for output in sample.output]

    def _merge(self, sample: DataSample, results: list[RewardResult]) -> list[RewardResult]:
        return results


class BaseListWiseReward(BaseReward):
    """Compares all answers: `_evaluate` returns `RewardDimensionWithRank` with a rank for each."""

    scoring_pattern: ClassVar[str] = "listwise"

    def _units(self, sample: DataSample) -> list[DataSample]:
        return [sample] if sample.output else []

    def _merge(self, sample: DataSample, results: list[RewardResult]) -> list[RewardResult]:
        return [result for one in results for result in self._split(one, len(sample.output))]

    def _split(self, result: RewardResult, count: int) -> list[RewardResult]:
        """Turn a comparison into a result for each answer."""
        if result.failure is not None:
            return [result] * count
        wrong = [part for part in result.details if not isinstance(part, RewardDimensionWithRank) or
                 len(part.rank) != count]  # fmt: skip
        if wrong or not result.details:
            failure = Failure(FailureKind.CRASH, False, f"the comparison did not rank all of {count} answers")
            return [RewardResult.failed(self.name, failure)] * count
        ranks = [part for part in result.details if isinstance(part, RewardDimensionWithRank)]
        return [
            RewardResult(name=result.name, details=[part[index] for part in ranks], extra_data=result.extra_data)
            for index in range(count)
        ]


class BasePairWiseReward(BaseListWiseReward):
    """Compares two answers at a time: `_evaluate` gets a sample with two outputs and ranks them.

    Every pair is compared once, and an answer's score is the mean of its ranks: with ranks of 1, 0.5 and 0 its win
    rate. One failed comparison fails the two answers in it, since a mean over fewer opponents would be another score.
    """

    scoring_pattern: ClassVar[str] = "pairwise"

    def _units(self, sample: DataSample) -> list[DataSample]:
        return [sample.changed(output=list(pair)) for pair in combinations(sample.output, 2)]

    def _merge(self, sample: DataSample, results: list[RewardResult]) -> list[RewardResult]:
        count = len(sample.output)
        if count == 1:
            failure = Failure(FailureKind.BAD_INPUT, False, "a comparison needs two answers or more, and there is one")
            return [RewardResult.failed(self.name, failure)]
        meetings: list[list[RewardResult]] = [[] for _ in sample.output]
        for (first, second), result in zip(combinations(range(count), 2), results, strict=True):
            for index, half in zip((first, second), self._split(result, 2), strict=True):
                meetings[index].append(half)
        return [self._mean(met) for met in meetings]

    def _mean(self, met: list[RewardResult]) -> RewardResult:
        if failed := next((result for result in met if result.failure), None):
            return failed
        scores: dict[str, list[float]] = {}
        for part in (part for result in met for part in result.details if isinstance(part, RewardDimensionWithScore)):
            scores.setdefault(part.name, []).append(part.score)
        parts = [RewardDimensionWithScore(name=name, score=sum(all_) / len(all_)) for name, all_ in scores.items()]
        return RewardResult(name=self.name, details=list(parts))


class BaseStepWiseReward(BaseReward):
    """Scores each step of an answer: `_evaluate` gets a sample with one output, which has one step.

    An answer's score is the mean of its steps'; one failed step fails the answer.
    """

    scoring_pattern: ClassVar[str] = "stepwise"

    def _units(self, sample: DataSample) -> list[DataSample]:
        return [
            sample.changed(output=[output.changed(steps=[step])])
            for output in sample.output
            for step in output.steps or []
        ]

    def _merge(self, sample: DataSample, results: list[RewardResult]) -> list[RewardResult]:
        rest = iter(self._versioned(results))
        return [self._joined([next(rest) for _ in output.steps or []]) for output in sample.output]

    def _joined(self, steps: list[RewardResult]) -> RewardResult:
        if not steps:
            failure = Failure(FailureKind.BAD_INPUT, False, "the answer has no steps")
            return RewardResult.failed(self.name, failure)
        failed = next((step for step in steps if step.failure), None)
        if failed:
            return failed.changed(steps=steps)
        mean = sum(step.score or 0.0 for step in steps) / len(steps)
        return RewardResult.of(self.name, mean, f"mean of {len(steps)} steps").changed(steps=steps)
