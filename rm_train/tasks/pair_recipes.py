"""The training rewards of a judge of pairs that need no more than its preference: a recipe is a few numbers.

So a recipe of one's own is one too, in a YAML file: `recipe: {right: 2, wrong: -1, invalid: -3}`. What cannot be said
in these numbers is a class with a method `pay` (`AnyFormPairReward`).
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, FiniteFloat

from reward_fn.judges.forms import Preferring
from reward_fn.judges.forms.graded import GradedVerdict
from reward_fn.judges.pairwise import STRENGTHS
from reward_fn.schema import Failure
from rm_train.nearest import known
from rm_train.tasks.labels import PairLabel


class PairRecipe(BaseModel):
    """What a verdict on two answers is paid."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    right: FiniteFloat = Field(default=1.0, description="for the human's preference; a tie is one of three")
    wrong: FiniteFloat = Field(default=0.0, description="for another preference")
    invalid: FiniteFloat = Field(default=0.0, description="for an answer without a valid verdict")
    same_side: FiniteFloat | None = Field(
        default=None,
        description="for the right preference with another grade than the human's; by default grades do not count",
    )
    weakest: float = Field(
        default=1.0, ge=0, le=1, description="the share of `right` at a strength of 0, a tie; it grows evenly to 1 at 3"
    )

    @property
    def range(self) -> tuple[float, float]:
        """The lowest and the highest payment."""
        paid = [self.right, self.right * self.weakest, self.wrong, self.invalid, self.same_side]
        known = [one for one in paid if one is not None]
        return min(known), max(known)

    def pay(self, verdict: Preferring | Failure, label: PairLabel) -> float:
        """Return the payment.

        Raises:
            RewardError: The recipe goes by strengths, and the label has none.
        """
        # Whatever the verdict is: a label that cannot be used must not show only where the judge is right.
        by_strength = self.weakest < 1 or self.same_side is not None
        strength = label.needed_strength if by_strength else STRENGTHS[-1]
        if isinstance(verdict, Failure):
            return self.invalid
        if verdict.preference != label.preference:
            return self.wrong
        if self.same_side is not None and isinstance(verdict, GradedVerdict) and verdict.grade != strength:
            return self.same_side
        return self.right * (self.weakest + (1 - self.weakest) * abs(strength) / STRENGTHS[-1])


PAIR_RECIPES: dict[str, PairRecipe] = {
    "rm_gallery_pairwise": PairRecipe(right=1, wrong=0, invalid=0),
    "rm_r1": PairRecipe(right=1, wrong=-1, invalid=-1),
    "rrm": PairRecipe(right=1, wrong=-1, invalid=-1),
    "j4r": PairRecipe(right=1, wrong=0, invalid=0),
    "think_rm_binary": PairRecipe(right=1, wrong=0, invalid=0),
    "think_rm_multiclass": PairRecipe(right=1, wrong=0, invalid=0, same_side=0.5),
    "margin_aware": PairRecipe(right=1, wrong=0, invalid=-0.25, weakest=0.5),
}
"""Published recipes, and ours.

* `rm_gallery_pairwise`: RM-Gallery's examples/train/pairwise; ties are right where humans see one.
* `rm_r1`: arXiv 2505.02387, with the form `bracketed`; no ties, nothing for the form by itself.
* `rrm`: arXiv 2505.14674, with the form `boxed`; no ties.
* `j4r`: arXiv 2505.13346; what is its own is that both orders of a pair stand in one group of GRPO.
* `think_rm_binary`, `think_rm_multiclass`: arXiv 2505.16265, with the forms `letter` and `graded`; no ties.
* `margin_aware`: ours, for HelpSteer2's and HelpSteer3's strengths s: 0.5 + 0.5|s|/3 for the right preference, so 0.5
  for a tie that humans see too; an invalid verdict is worse than a wrong one.
"""


def _named(recipe: Any) -> Any:  # noqa: ANN401 - whatever a config holds
    return PAIR_RECIPES[known(recipe, PAIR_RECIPES, "recipe")] if isinstance(recipe, str) else recipe


AnyPairRecipe = Annotated[PairRecipe, BeforeValidator(_named)]
"""A field that is a recipe: a name of `PAIR_RECIPES`, or numbers of one's own."""
