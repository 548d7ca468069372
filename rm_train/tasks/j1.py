"""J1's reward: a judge is paid for being right, and once more if it is right in both orders of a pair."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from reward_fn.judges.pairwise import PREFERENCES, swapped
from reward_fn.schema import DataSample, Failure, FailureKind, RewardResult
from rm_train.tasks.labels import PairLabel
from rm_train.tasks.pairwise import AnyFormPairReward

_PART = "consistent"


class J1Reward(AnyFormPairReward):
    """Whether a judge prefers the answer that humans prefer, and does so in both orders.

    It compares: the judge's answers to both orders of a pair are one sample, each with the label of its own order. In
    verl they meet by `group: {consistency_key: extra_info.pair_id, prompts: 2}`. An answer alone, as in a preflight, is
    paid for being right. Label and parts are those of all rewards of pairs, and `consistent` (1 if both are right).
    """

    scoring_pattern: ClassVar[str] = "listwise"
    formula: ClassVar[str] = "[right] + [right in both orders]"
    source: ClassVar[str] = "J1 (arXiv 2505.10320)"
    terms: ClassVar[tuple[str, ...]] = (_PART,)

    name: str = "j1_reward"
    consistency: float = Field(1.0, ge=0, description="what is paid if the verdicts are right in both orders")

    @property
    def score_range(self) -> tuple[float, float]:
        """From wrong to right in both orders."""
        return 0.0, 1.0 + self.consistency

    def pay(self, verdict: Any | Failure, label: PairLabel, text: str) -> float:  # noqa: ANN401
        """Return 1 for the human's preference, else 0; the rest is known when both orders are there."""
        return float(not isinstance(verdict, Failure) and verdict.preference == label.preference)

    def _terms(self, verdict: Any | Failure, label: PairLabel, text: str) -> dict[str, float]:  # noqa: ANN401
        return {_PART: 0.0}

    def _merge(self, sample: DataSample, results: list[RewardResult]) -> list[RewardResult]:
        if len(results) == 1:
            return results
        # What one order adds to the other is not known where it could not be scored.
        if failed := next((result for result in results if result.failure), None):
            return [failed] * len(results)
        if problem := self._not_both_orders([_part(result, "target") for result in results]):
            return [RewardResult.failed(self.name, problem)] * len(results)
        if not all(_part(result, "acc") for result in results):
            return results
        return [self._consistent(result) for result in results]

    @staticmethod
    def _not_both_orders(targets: list[float]) -> Failure | None:
        named = [PREFERENCES[int(target)] for target in targets]
        if len(named) == 2 and named[1] == swapped(named[0]):
            return None
        told = f"not both orders of one pair: the better answers are {', '.join(named)}"
        fix = "write group: {consistency_key: the place of the pair's id, prompts: 2}"
        return Failure(FailureKind.BAD_INPUT, False, f"the answers that met are {told}; {fix}")

    def _consistent(self, result: RewardResult) -> RewardResult:
        details: list[Any] = [part.changed(score=1.0) if part.name == _PART else part for part in result.details]
        return result.changed(score=(result.score or 0.0) + self.consistency, details=details)


def _part(result: RewardResult, name: str) -> float:
    return next(part.score for part in result.details if part.name == name)  # type: ignore[union-attr]
