"""The training reward of the pointwise judge: what its verdict is worth, given the human rating.

A reward like those of the gallery, known to the registry by this package's entry point; so a run names it in
`reward_kwargs`, and verl finds it through the same adapter as any other.
"""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field, field_validator

from reward_fn.base import BasePointWiseReward, answer_text
from reward_fn.judges.pointwise import SCORES, PointwiseVerdict, parse_pointwise
from reward_fn.schema import DataSample, Failure, FailureKind, RewardDimensionWithScore, RewardError, RewardResult
from rm_train.nearest import did_you_mean, nearest
from rm_train.tasks.recipes import RECIPES, SPAN

INVALID = -1.0
"""What `predicted` holds when there is no valid verdict; no score has this value."""
_TARGETS = {str(score): score for score in SCORES}


class PointwiseVerdictReward(BasePointWiseReward):
    """How near a judge's verdict is to a human rating from 0 to 4.

    The label's `reference` is the rating. Parts: `acc` (1 for the exact rating), `abs_error` (0 to 4, and 4 without a
    valid verdict), `format_ok` (1 for a valid verdict), `predicted` (-1 without one), `target`, and `response_length`
    in characters. An answer without a valid verdict has a score too, the recipe's for it: it is the policy that failed,
    not the reward.
    """

    formula: ClassVar[str] = "exact: 1 or -1, -1.5 if invalid; linear: 1-|p-t|/4, -0.25; exp_decay: exp(-k|p-t|/4), 0"
    source: ClassVar[str] = "`exp_decay` with k=2: RM-Gallery's pointwise training"

    name: str = "pointwise_verdict_reward"
    recipe: str = Field(description=f"how a verdict is paid by its distance to the rating: {', '.join(RECIPES)}")
    k: float = Field(default=2.0, gt=0, description="the steepness of `exp_decay`")

    @field_validator("recipe")
    @classmethod
    def _known(cls, recipe: str) -> str:
        if recipe not in RECIPES:
            near = nearest(recipe, RECIPES, 1)
            hint = f" ({did_you_mean(near)})" if near else ""
            raise ValueError(f"there is no recipe {recipe!r}; choose one of {', '.join(RECIPES)}{hint}")
        return recipe

    @property
    def score_range(self) -> tuple[float, float]:
        """From the worst verdict, or an invalid one, to the exact rating."""
        recipe = RECIPES[self.recipe]
        return min(recipe.invalid, recipe.valid(SPAN, self.k)), recipe.valid(0, self.k)

    @property
    def part_names(self) -> tuple[str, ...]:
        """The same for every answer."""
        return ("acc", "abs_error", "format_ok", "predicted", "target", "response_length")

    def _evaluate(self, sample: DataSample, **kwargs: Any) -> RewardResult:  # noqa: ANN401
        text, target = answer_text(sample), _target(sample)
        verdict = parse_pointwise(text)
        recipe = RECIPES[self.recipe]
        if isinstance(verdict, PointwiseVerdict):
            distance = abs(verdict.score - target)
            score = recipe.valid(distance, self.k)
            values = (float(distance == 0), float(distance), 1.0, float(verdict.score))
        else:
            score, values = recipe.invalid, (0.0, float(SPAN), 0.0, INVALID)
        parts = dict(zip(self.part_names, (*values, float(target), float(len(text))), strict=True))
        why = {"format_ok": verdict.detail} if isinstance(verdict, Failure) else {}
        details = [RewardDimensionWithScore(name=name, score=value, reason=why.get(name, ""))
                   for name, value in parts.items()]  # fmt: skip
        return RewardResult(name=self.name, score=score, details=list(details))


def _target(sample: DataSample) -> int:
    """Return the human rating: the label's reference, an integer or its digit.

    Raises:
        RewardError: It is not on the scale.
    """
    reference = sample.output[0].answer.label.get("reference")
    if str(reference) not in _TARGETS:
        told = f"the label's reference is {reference!r}, not a rating from {SCORES[0]} to {SCORES[-1]}"
        raise RewardError(FailureKind.BAD_INPUT, told)
    return _TARGETS[str(reference)]
