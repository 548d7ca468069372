"""The training reward of the pointwise judge: what its verdict is worth, given the human rating."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from reward_fn.judges.pointwise import SCORES, PointwiseVerdict, parse_pointwise
from reward_fn.schema import Failure
from rm_train.tasks.labels import Label, integer
from rm_train.tasks.recipes import RECIPES, SPAN, RecipeName
from rm_train.tasks.verdicts import INVALID, BaseVerdictReward


class PointwiseVerdictReward(BaseVerdictReward):
    """How near a judge's verdict is to a human rating from 0 to 4.

    The label's `reference` is the rating. Parts: `acc` (1 for the exact rating), `abs_error` (0 to 4, and 4 without a
    valid verdict), `format_ok` (1 for a valid verdict), `predicted` (-1 without one), `target`, and `response_length`
    in characters. An answer without a valid verdict has a score too, the recipe's for it: it is the policy that failed,
    not the reward.
    """

    formula: ClassVar[str] = "exact: 1 or -1, -1.5 if invalid; linear: 1-|p-t|/4, -0.25; exp_decay: exp(-k|p-t|/4), 0"
    source: ClassVar[str] = "`exp_decay` with k=2: RM-Gallery's pointwise training"

    name: str = "pointwise_verdict_reward"
    recipe: RecipeName = Field(description=f"how a verdict is paid by its distance to the rating: {', '.join(RECIPES)}")
    k: float = Field(default=2.0, gt=0, description="the steepness of `exp_decay`")

    @property
    def score_range(self) -> tuple[float, float]:
        """From the worst verdict, or an invalid one, to the exact rating."""
        return RECIPES[self.recipe].range(self.k)

    @property
    def part_names(self) -> tuple[str, ...]:
        """The same for every answer."""
        return ("acc", "abs_error", "format_ok", "predicted", "target", "response_length")

    def _read(self, text: str, label: Label) -> PointwiseVerdict | Failure:
        return parse_pointwise(text)

    def _pay(self, verdict: Any | Failure, label: Label, text: str) -> tuple[float, dict[str, float]]:  # noqa: ANN401
        target = integer(label, "reference", SCORES, f"a rating from {SCORES[0]} to {SCORES[-1]}")
        recipe = RECIPES[self.recipe]
        if isinstance(verdict, Failure):
            parts = {"acc": 0.0, "abs_error": float(SPAN), "predicted": INVALID, "target": float(target)}
            return recipe.invalid, parts
        distance = abs(verdict.score - target)
        parts = {
            "acc": float(distance == 0),
            "abs_error": float(distance),
            "predicted": float(verdict.score),
            "target": float(target),
        }
        return recipe.valid(distance, self.k), parts
