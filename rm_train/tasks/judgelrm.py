"""JudgeLRM's reward: the form, which of two answers has the higher score, how near the scores are, and the length.

After the released code (src/verl/utils/reward_score/judgelrm.py), values and all. With its `>=` equal scores count as
"the first is better", so that the reward of ties is not the same in both orders.
"""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from reward_fn.judges.forms.form import better
from reward_fn.judges.forms.two_scores import SCORES, structured
from reward_fn.schema import Failure
from rm_train.tasks.labels import Label, PairLabel, lengths_of, scores_of
from rm_train.tasks.pairwise import BasePairReward

_WORST = 2 * SCORES[-1]
"""What `score_error` holds without a valid verdict: no two verdicts are farther apart."""


def content_reward(said: tuple[int, int], gold: tuple[float, float]) -> float:
    """Return what two scores are worth: -1.5 for the wrong relation, else 2 to 3.2.

    The right relation gets 2; +1 for the exact scores, +0.6 if they are off by 2 or less in all; +0.2 if they differ by
    at least as much as the human's.

    Args:
        said: The judge's scores of A and B, each from 0 to 10.
        gold: The human's.
    """
    if (said[0] >= said[1]) != (gold[0] >= gold[1]):
        return -1.5
    error = abs(said[0] - gold[0]) + abs(said[1] - gold[1])
    near = 1.0 if error == 0 else 0.6 if error <= 2 else 0.0
    return 2.0 + near + (0.2 if abs(said[0] - said[1]) >= abs(gold[0] - gold[1]) else 0.0)


class JudgeLRMReward(BasePairReward):
    """How well a judge scores two answers from 0 to 10, in form, relation, distance and length.

    The label's `score_a` and `score_b` are the human's scores. Parts: those of all rewards of pairs, by the scores; and
    `format_reward`, `content_reward`, `length_reward`, `score_error` (the sum of both distances, 20 without a verdict).
    Lengths are published in tokens, which a reward does not see: 120 of them are taken for 480 characters.
    """

    formula: ClassVar[str] = (
        "form: 1, -0.5 for other scores than 0 to 10, -1 for other tags; relation: 2 (+1 exact, +0.6 if near, +0.2 for "
        "the margin) or -1.5, -2 if invalid; +0.2 if long, -1 if too long"
    )
    source: ClassVar[str] = "JudgeLRM (arXiv 2504.00050)"
    terms: ClassVar[tuple[str, ...]] = ("format_reward", "content_reward", "length_reward", "score_error")

    name: str = "judgelrm_reward"
    long: int = Field(default=480, ge=0, description="valid answers with more characters get 0.2")
    too_long: int | None = Field(
        default=None, ge=1, description="valid answers with so many characters lose 1; by default none are"
    )

    @property
    def score_range(self) -> tuple[float, float]:
        """From no form to exact scores with long thoughts."""
        return -3.0, 4.4

    @property
    def form_name(self) -> str:
        """Two scores behind thoughts."""
        return "two_scores"

    def pay(self, verdict: Any | Failure, label: PairLabel, text: str) -> float:  # noqa: ANN401
        """Return the sum of the three rewards."""
        terms = self._terms(verdict, label, text)
        return terms["format_reward"] + terms["content_reward"] + terms["length_reward"]

    def _label(self, label: Label) -> PairLabel:
        return PairLabel(better(*scores_of(label, SCORES)), None, lengths_of(label), label)

    def _terms(self, verdict: Any | Failure, label: PairLabel, text: str) -> dict[str, float]:  # noqa: ANN401
        if isinstance(verdict, Failure):
            return dict(zip(self.terms, (-0.5 if structured(text) else -1.0, -2.0, 0.0, float(_WORST)), strict=True))
        said, gold = (verdict.score_a, verdict.score_b), scores_of(label.fields, SCORES)
        length = 0.2 if len(text) > self.long else 0.0
        if self.too_long is not None and len(text) >= self.too_long:
            length -= 1.0
        error = float(abs(said[0] - gold[0]) + abs(said[1] - gold[1]))
        return dict(zip(self.terms, (1.0, content_reward(said, gold), length, error), strict=True))
