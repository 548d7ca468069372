"""Whether an answer is the right one, to the letter."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from reward_fn.base import BaseRuleReward
from reward_fn.rules.references import bad_reference, references
from reward_fn.schema import DataSample, RewardResult


class AccuracyReward(BaseRuleReward):
    """Whether the answer is the reference, but for white space around it; of several references any.

    RM-Gallery takes a missing reference for an empty text, which an empty answer matches; here it is a failure, and so
    is an empty one. For more ways to compare there is `string_match`.
    """

    version: ClassVar[int] = 2
    formula: ClassVar[str] = "1 if answer.strip() == reference.strip() else 0"
    source: ClassVar[str] = "RM-Gallery"

    name: str = "accuracy"
    ignore_case: bool = Field(False, description="whether upper and lower case are alike")

    def _evaluate(self, sample: DataSample, **kwargs: Any) -> RewardResult:  # noqa: ANN401
        wanted = [self._plain(reference) for reference in references(sample)]
        if not all(wanted):
            raise bad_reference(sample, "the reference is empty")
        right = self._plain(self._answer(sample)) in wanted
        return RewardResult.of(self.name, float(right), "the reference" if right else "not the reference")

    def _plain(self, text: str) -> str:
        return text.strip().casefold() if self.ignore_case else text.strip()
