"""Whether an answer is the right one, to the letter."""

from __future__ import annotations

from typing import Any, ClassVar

from reward_fn.base import BasePointWiseReward, answer_text, reference_text
from reward_fn.schema import DataSample, RewardResult


class AccuracyReward(BasePointWiseReward):
    """Whether the answer is the reference, but for white space around it.

    RM-Gallery takes a missing reference for an empty text, which an empty answer matches; here it is a failure.
    """

    formula: ClassVar[str] = "1 if answer.strip() == reference.strip() else 0"

    name: str = "accuracy"

    def _evaluate(self, sample: DataSample, **kwargs: Any) -> RewardResult:  # noqa: ANN401
        right = answer_text(sample).strip() == reference_text(sample).strip()
        return RewardResult.of(self.name, float(right), "the reference" if right else "not the reference")
