"""How far an answer is too short or too long."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator
from typing_extensions import Self

from reward_fn.base import READ, Read
from reward_fn.rules.tokenized import TokenizedReward
from reward_fn.schema import DataSample, RewardResult


class LengthPenaltyReward(TokenizedReward):
    """A penalty for each character, word or token too few or too many.

    As RM-Gallery's, in characters and without a cap, unless `unit` and `max_penalty` say otherwise. Words are what
    white space parts; tokens are those of `tokenizer_type`, such as the folder of the model that is trained.
    """

    formula: ClassVar[str] = "-penalty_rate * max(min_length - n, n - max_length, 0), not below -max_penalty"
    source: ClassVar[str] = "RM-Gallery"

    name: str = "length_penalty"
    read: Read = Field("whole", description=READ)
    min_length: int = Field(10, ge=0, description="the shortest answer without a penalty, in units")
    max_length: int = Field(1000, ge=0, description="the longest answer without a penalty, in units")
    penalty_rate: float = Field(0.01, ge=0, allow_inf_nan=False, description="the penalty for each unit")
    max_penalty: float | None = Field(None, ge=0, allow_inf_nan=False, description="the largest penalty; None: no end")
    unit: Literal["characters", "words", "tokens"] = Field("characters", description="what is counted")
    tokenizer_type: str = Field(
        "tiktoken", description="with tokens, what cuts them: as for f1_score, but for another default"
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min_length > self.max_length:
            raise ValueError(f"min_length {self.min_length} is above max_length {self.max_length}")
        return self

    @property
    def _heavy(self) -> bool:
        return self.unit == "tokens" and super()._heavy

    @property
    def score_range(self) -> tuple[float, float]:
        """Zero at best."""
        return (float("-inf") if self.max_penalty is None else 0.0 - self.max_penalty), 0.0

    def _evaluate(self, sample: DataSample, **kwargs: Any) -> RewardResult:  # noqa: ANN401
        length = self._length(self._answer(sample))
        penalty = self.penalty_rate * max(self.min_length - length, length - self.max_length, 0)
        if self.max_penalty is not None:
            penalty = min(penalty, self.max_penalty)
        return RewardResult.of(self.name, 0.0 - penalty, f"{length} {self.unit}", length=length)

    def _length(self, text: str) -> int:
        if self.unit == "characters":
            return len(text)
        return len(text.split() if self.unit == "words" else self._tokens(text))
