"""How much an answer repeats itself."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator
from typing_extensions import Self

from reward_fn.base import BasePointWiseReward, answer_text
from reward_fn.rules.format.tags import blocks
from reward_fn.rules.tokenizers import tokenizer
from reward_fn.schema import DataSample, FailureKind, RewardError, RewardResult


class NgramRepetitionPenaltyReward(BasePointWiseReward):
    """A penalty for n-grams that occur more than once.

    The rate of repetition is 1 - distinct / all n-grams. Hard, what it exceeds `penalty_threshold` by counts; soft, it
    counts from `min_scaling` on, up to `max_penalty`. As RM-Gallery's, but with the tokenizer that is named: there, a
    tokenizer that cannot be loaded is silently replaced by white space.
    """

    formula: ClassVar[str] = (
        "hard: -penalty_rate * max(rate - penalty_threshold, 0); "
        "soft: max_penalty * max(rate - min_scaling, 0) / (1 - min_scaling)"
    )
    source: ClassVar[str] = "RM-Gallery; the soft form is that of Yeo et al. 2025, Demystifying Long Chain-of-Thought"

    name: str = "ngram_repetition_penalty"
    n: int = Field(3, ge=1, description="the length of an n-gram, in tokens")
    penalty_threshold: float = Field(0.3, ge=0, le=1, description="hard: the rate without a penalty")
    penalty_rate: float = Field(1.0, ge=0, allow_inf_nan=False, description="hard: the penalty for a rate of 1")
    use_soft_penalty: bool = Field(False, description="whether the penalty is the soft one")
    max_penalty: float = Field(-1.0, le=0, allow_inf_nan=False, description="soft: the score at a rate of 1")
    min_scaling: float = Field(0.0, ge=0, lt=1, description="soft: the rate without a penalty")
    tokenizer_type: str = Field("simple", description="see `reward_fn.rules.tokenizers`")
    chinese_only: bool = Field(False, description="with jieba, whether only Chinese counts")
    analyze_scope: Literal["full", "thought"] = Field("full", description="all of the answer, or only its thought")
    think_token: str = Field("think", description="the tag of the thought")

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        if self.chinese_only and self.tokenizer_type != "jieba":
            raise ValueError("chinese_only needs tokenizer_type='jieba'")
        return self

    @property
    def score_range(self) -> tuple[float, float]:
        """Zero at best."""
        hard = 0.0 - self.penalty_rate * (1 - self.penalty_threshold)
        return (self.max_penalty if self.use_soft_penalty else hard), 0.0

    @property
    def _heavy(self) -> bool:
        return self.tokenizer_type != "simple"

    def _evaluate(self, sample: DataSample, **kwargs: Any) -> RewardResult:  # noqa: ANN401
        tokens = tokenizer(self.tokenizer_type, chinese_only=self.chinese_only)(self._scope(answer_text(sample)))
        count = len(tokens) - self.n + 1
        distinct = len(set(zip(*(tokens[start:] for start in range(self.n)), strict=False))) if count > 0 else 0
        rate = 1 - distinct / count if count > 0 else 0.0
        return RewardResult.of(
            self.name, self._penalty(rate), f"{rate:.1%} of {max(count, 0)} {self.n}-grams repeat others", rate=rate
        )

    def _penalty(self, rate: float) -> float:
        if not self.use_soft_penalty:
            return 0.0 - self.penalty_rate * max(rate - self.penalty_threshold, 0.0)
        return 0.0 + self.max_penalty * max(rate - self.min_scaling, 0.0) / (1 - self.min_scaling)

    def _scope(self, text: str) -> str:
        if self.analyze_scope == "full":
            return text
        found = blocks(text, (self.think_token,))
        if isinstance(found, str) or len(found) != 1:
            fault = found if isinstance(found, str) else f"{len(found)} thoughts"
            raise RewardError(FailureKind.BAD_INPUT, f"the answer has not one <{self.think_token}>: {fault}")
        return found[0].content
