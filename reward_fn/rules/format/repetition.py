"""How much an answer repeats itself."""

from __future__ import annotations

from itertools import islice
from typing import Any, ClassVar, Literal

from pydantic import Field

from reward_fn.base import UnreadableResponseError
from reward_fn.rules.format.tags import ThoughtTagReward, thoughts
from reward_fn.rules.tokenized import TokenizedReward
from reward_fn.schema import DataSample, RewardResult


class NgramRepetitionPenaltyReward(ThoughtTagReward, TokenizedReward):
    """A penalty for n-grams that occur more than once.

    The rate of repetition is 1 - distinct / all n-grams. Hard, what it exceeds `penalty_threshold` by counts; soft, it
    counts from `min_scaling` on, up to `max_penalty`. As RM-Gallery's, but with the tokenizer that is named: there, a
    tokenizer that cannot be loaded is silently replaced by white space. A thought that is cut off before its closing
    tag counts too, since endless repetition ends so; without any thought the score is `on_unreadable`, by default 0.
    """

    version: ClassVar[int] = 2
    unreadable_score: ClassVar[float | None] = 0.0
    formula: ClassVar[str] = (
        "hard: -penalty_rate * max(rate - penalty_threshold, 0); "
        "soft: max_penalty * max(rate - min_scaling, 0) / (1 - min_scaling)"
    )
    source: ClassVar[str] = "RM-Gallery; the soft form is that of Yeo et al. 2025, Demystifying Long Chain-of-Thought"

    name: str = "ngram_repetition_penalty"
    n: int = Field(3, ge=1, le=100, description="the length of an n-gram, in tokens")
    penalty_threshold: float = Field(0.3, ge=0, le=1, description="hard: the rate without a penalty")
    penalty_rate: float = Field(1.0, ge=0, allow_inf_nan=False, description="hard: the penalty for a rate of 1")
    use_soft_penalty: bool = Field(False, description="whether the penalty is the soft one")
    max_penalty: float = Field(-1.0, le=0, allow_inf_nan=False, description="soft: the score at a rate of 1")
    min_scaling: float = Field(0.0, ge=0, lt=1, description="soft: the rate without a penalty")
    analyze_scope: Literal["full", "thought"] = Field("full", description="all of the answer, or only its thoughts")

    @property
    def score_range(self) -> tuple[float, float]:
        """Zero at best."""
        hard = 0.0 - self.penalty_rate * (1 - self.penalty_threshold)
        return (self.max_penalty if self.use_soft_penalty else hard), 0.0

    def _evaluate(self, sample: DataSample, **kwargs: Any) -> RewardResult:  # noqa: ANN401
        tokens = self._tokens(self._scope(sample))
        count = max(len(tokens) - self.n + 1, 0)
        # The shortest of the shifted lists ends the zip.
        distinct = len(set(zip(*(islice(tokens, start, None) for start in range(self.n)), strict=False)))
        rate = 1 - distinct / count if count else 0.0
        reason = f"{rate:.1%} of {count} {self.n}-grams repeat others"
        return RewardResult.of(self.name, self._penalty(rate), reason, rate=rate)

    def _penalty(self, rate: float) -> float:
        if not self.use_soft_penalty:
            return 0.0 - self.penalty_rate * max(rate - self.penalty_threshold, 0.0)
        return 0.0 + self.max_penalty * max(rate - self.min_scaling, 0.0) / (1 - self.min_scaling)

    def _scope(self, sample: DataSample) -> str:
        text = self._answer(sample)
        if self.analyze_scope == "full":
            return text
        found = thoughts(text, self.think_token, opened=self._thought_opened(sample))
        if not found:
            raise UnreadableResponseError(f"no <{self.think_token}>")
        return "\n".join(found)
