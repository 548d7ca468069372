"""How far an answer is too short or too long."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from reward_fn.base import BasePointWiseReward, answer_text
from reward_fn.schema import DataSample, RewardResult


class LengthPenaltyReward(BasePointWiseReward):
    """A penalty for each character too few or too many."""

    formula: ClassVar[str] = "-penalty_rate * (min_length - n or n - max_length)"

    name: str = "length_penalty"
    min_length: int = Field(10, ge=0, description="characters")
    max_length: int = Field(1000, ge=0, description="characters")
    penalty_rate: float = Field(0.01, ge=0)

    @property
    def score_range(self) -> tuple[float, float]:
        """Without end below."""
        return float("-inf"), 0.0

    def _evaluate(self, sample: DataSample, **kwargs: Any) -> RewardResult:  # noqa: ANN401
        length = len(answer_text(sample))
        excess = max(self.min_length - length, length - self.max_length, 0)
        return RewardResult.of(self.name, -excess * self.penalty_rate, f"{length} characters")
