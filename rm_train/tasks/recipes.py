"""The training rewards of a pointwise judge: how a verdict is paid, given the human rating.

A recipe pays a valid verdict by its distance to the target and has a fixed payment for an invalid one: an answer that
cannot be read is never taken for the score 0 that happens to be right.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator

from rm_train.nearest import known

SPAN = 4
"""The largest distance on a scale from 0 to 4."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """A training reward.

    Attributes:
        valid: Distance between verdict and target (0 to 4), and the steepness k -> reward.
        invalid: The reward of an answer without a valid verdict.
    """

    valid: Callable[[int, float], float]
    invalid: float

    def range(self, k: float) -> tuple[float, float]:
        """Return the lowest and the highest reward, for a steepness."""
        return min(self.invalid, self.valid(SPAN, k)), self.valid(0, k)


def _exp_decay(distance: int, k: float) -> float:
    return math.exp(-k * distance / SPAN)


def _linear(distance: int, k: float) -> float:
    return 1 - distance / SPAN


def _exact(distance: int, k: float) -> float:
    return 1.0 if distance == 0 else -1.0


RECIPES: dict[str, Recipe] = {
    "exp_decay": Recipe(_exp_decay, invalid=0.0),
    "linear": Recipe(_linear, invalid=-0.25),
    "exact": Recipe(_exact, invalid=-1.5),
}
"""`exp_decay` is exp(-k|p-t|/4), with k=2 as in RM-Gallery's pointwise training; `linear` is 1-|p-t|/4; `exact` is +1
for the exact rating and -1 for any other. Only `exp_decay` has a steepness."""

RecipeName = Annotated[str, AfterValidator(lambda name: known(name, RECIPES, "recipe"))]
"""A field that names one of `RECIPES`."""
