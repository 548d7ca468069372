"""The training reward of a judge that gives all five ratings of HelpSteer2 at once."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from reward_fn.judges.forms.attributes import FORM
from reward_fn.judges.pointwise import ATTRIBUTES, SCORES
from reward_fn.schema import Failure
from rm_train.tasks.labels import Label, integer
from rm_train.tasks.recipes import RECIPES, SPAN, RecipeName
from rm_train.tasks.verdicts import INVALID, BaseVerdictReward


class MultiAttributeReward(BaseVerdictReward):
    """How near a judge's five ratings of an answer are to the humans': the mean of what each is worth.

    The label has `helpfulness`, `correctness`, `coherence`, `complexity` and `verbosity`, each from 0 to 4. Parts:
    `acc` (the share of exact ratings), `all_exact`, `abs_error` (the mean distance, 4 without a valid verdict),
    `predicted` (the mean rating, -1 without one), `target` (the mean of the humans'), `format_ok`, `response_length` in
    characters, and the distance of each attribute, such as `helpfulness_error`.
    """

    formula: ClassVar[str] = "the mean over five attributes of the pointwise recipe"
    source: ClassVar[str] = "HelpSteer2 (arXiv 2406.08673) for the attributes; RM-Gallery for `exp_decay`"

    name: str = "multi_attribute_reward"
    recipe: RecipeName = Field(
        default="exp_decay", description=f"how a rating is paid by its distance: {', '.join(RECIPES)}"
    )
    k: float = Field(default=2.0, gt=0, description="the steepness of `exp_decay`")

    @property
    def score_range(self) -> tuple[float, float]:
        """That of the recipe."""
        return RECIPES[self.recipe].range(self.k)

    @property
    def part_names(self) -> tuple[str, ...]:
        """The same for every answer."""
        errors = (f"{name}_error" for name in ATTRIBUTES)
        return ("acc", "all_exact", "abs_error", "format_ok", "predicted", "target", "response_length", *errors)

    def _read(self, text: str, label: Label) -> Any | Failure:  # noqa: ANN401
        return FORM.parse(text)

    def _pay(self, verdict: Any | Failure, label: Label, text: str) -> tuple[float, dict[str, float]]:  # noqa: ANN401
        told = f"a rating from {SCORES[0]} to {SCORES[-1]}"
        gold = {name: integer(label, name, SCORES, told) for name in ATTRIBUTES}
        recipe, count = RECIPES[self.recipe], len(ATTRIBUTES)
        if isinstance(verdict, Failure):
            errors, score, predicted = dict.fromkeys(gold, SPAN), recipe.invalid, INVALID
        else:
            errors = {name: abs(verdict.scores[name] - rating) for name, rating in gold.items()}
            score = sum(recipe.valid(error, self.k) for error in errors.values()) / count
            predicted = sum(verdict.scores.values()) / count
        exact = 0 if isinstance(verdict, Failure) else sum(error == 0 for error in errors.values())
        parts = {
            "acc": exact / count,
            "all_exact": float(exact == count),
            "abs_error": sum(errors.values()) / count,
            "predicted": predicted,
            "target": sum(gold.values()) / count,
        }
        return score, parts | {f"{name}_error": float(error) for name, error in errors.items()}
