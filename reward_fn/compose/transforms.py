"""A reward's score, changed: clipped, scaled or bent."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar, Literal

from pydantic import Field, FiniteFloat, PositiveFloat, model_validator
from typing_extensions import Self

from reward_fn.compose.composition import Plan, Wrapper, scored
from reward_fn.schema import DataSample, RewardDimensionWithScore, RewardResult


class Transform(Wrapper):
    """A reward with another score; its parts stay as they are."""

    @abstractmethod
    def _changed(self, score: float) -> float:
        """Return the new score; a larger one never gives a smaller one, or always."""

    @property
    def score_range(self) -> tuple[float, float]:
        """Its range, changed."""
        low, high = sorted(map(self._changed, self.of.score_range))
        return low, high

    def _plan(self, samples: Sequence[DataSample]) -> Plan:
        (results,) = yield [(self.of, samples)]
        return [[self._result(answer) for answer in answers] for answers in results]

    def _result(self, result: RewardResult) -> RewardResult:
        if result.score is None:
            return result.changed(name=self.name)
        details = [part for part in result.details if isinstance(part, RewardDimensionWithScore)]
        try:
            score = self._changed(result.score)
        except OverflowError:
            score = math.inf
        return scored(self.name, score, details, result.extra_data)


class ClipReward(Transform):
    """A reward whose score is held between two bounds."""

    formula: ClassVar[str] = "min(high, max(low, score))"

    name: str = "clip"
    low: FiniteFloat | None = Field(None, description="the lowest score; without it there is no bound below")
    high: FiniteFloat | None = Field(None, description="the highest score; without it there is no bound above")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.low is None and self.high is None:
            raise ValueError("low and high are both missing; give at least one of them")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError(f"low is {self.low:g} and high is {self.high:g}")
        return self

    def _changed(self, score: float) -> float:
        score = score if self.low is None else max(self.low, score)
        return score if self.high is None else min(self.high, score)


class ScaleReward(Transform):
    """A reward whose score is multiplied and shifted."""

    formula: ClassVar[str] = "factor * score + offset"

    name: str = "scale"
    factor: FiniteFloat = Field(1.0, description="what the score is multiplied with")
    offset: FiniteFloat = Field(0.0, description="what is added to that")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.factor == 0:
            raise ValueError("factor is 0: every score would be the same")
        return self

    def _changed(self, score: float) -> float:
        return self.factor * score + self.offset


_FORMS: dict[str, Callable[[float, float], float]] = {
    "step": lambda x, _: float(x >= 0),
    "sigmoid": lambda x, steepness: 0.5 * (1 + math.tanh(steepness * x / 2)),  # 1 / (1 + exp(-kx)), without overflow
    "tanh": lambda x, steepness: math.tanh(steepness * x),
    "power": lambda x, steepness: math.copysign(abs(x) ** steepness, x),
}


class ShapeReward(Transform):
    """A reward whose score is bent: by a step, a sigmoid, a hyperbolic tangent or a power."""

    formula: ClassVar[str] = (
        "with x = score - center and k = steepness: [x >= 0], 1 / (1 + exp(-kx)), tanh(kx) or sign(x) |x|^k"
    )

    name: str = "shape"
    form: Literal["step", "sigmoid", "tanh", "power"] = Field(description="the curve")
    center: FiniteFloat = Field(0.0, description="the score at which the step is, or from which it goes up and down")
    steepness: PositiveFloat = Field(1.0, description="how steep the curve is; a power's exponent; a step has none")

    def _changed(self, score: float) -> float:
        return _FORMS[self.form](score - self.center, self.steepness)
