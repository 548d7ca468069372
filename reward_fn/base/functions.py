"""Reward functions with verl's signature: how they are called, and as a reward of this package.

After verl 0.9.1, whose reward manager `naive` calls `compute_score(data_source=…, solution_str=…, ground_truth=…,
extra_info=…, **reward_kwargs)`: a coroutine function is awaited, any other one runs in a thread.
"""

from __future__ import annotations

import asyncio
import inspect
import math
from collections.abc import Callable, Mapping
from numbers import Real
from typing import Any, ClassVar

from pydantic import Field, model_validator
from typing_extensions import Self

from reward_fn.base.answers import answer_text
from reward_fn.base.patterns import BasePointWiseReward
from reward_fn.schema import DataSample, FailureKind, RewardError, RewardResult

ARGUMENTS = ("data_source", "solution_str", "ground_truth", "extra_info")
"""The names of the arguments that verl passes."""


async def call(function: Callable[..., Any], arguments: Mapping[str, object]) -> object:
    """Call a reward function as verl does, and return its result.

    A function that is no coroutine function runs in a thread: one that sets signals for its timeouts fails here as it
    does in verl.
    """
    if inspect.iscoroutinefunction(function):
        return await function(**arguments)
    return await asyncio.to_thread(function, **arguments)


def score_in(result: object) -> float | None:
    """Return the score in a function's result: a finite number, or a mapping with one under `score`; else None."""
    score = result.get("score") if isinstance(result, Mapping) else result
    return float(score) if isinstance(score, Real) and math.isfinite(score) else None


class FunctionReward(BasePointWiseReward):
    """A function with verl's signature as a reward.

    The function gets the sample's `source`, its response, the label's `reference` (or the whole label where it has
    none), and the metadata's `extra_info` (or the whole metadata).

    Example:
        >>> def compute_score(data_source, solution_str, ground_truth, extra_info=None):
        ...     return float(solution_str.strip() == ground_truth)
        >>> FunctionReward(name="mine", function=compute_score).name
        'mine'
    """

    formula: ClassVar[str] = "what the function returns"
    source: ClassVar[str] = "verl's `compute_score`"

    function: Callable[..., Any] = Field(description="the function, plain or async", exclude=True)
    kwargs: dict[str, Any] = Field(default={}, description="further arguments of the function: verl's `reward_kwargs`")

    @property
    def score_range(self) -> tuple[float, float]:
        """Unknown."""
        return -math.inf, math.inf

    @model_validator(mode="after")
    def _callable_as_verl_does(self) -> Self:
        try:
            inspect.signature(self.function).bind(**dict.fromkeys(ARGUMENTS), **self.kwargs)
        except TypeError as error:
            wanted = f"{self.name}(data_source, solution_str, ground_truth, extra_info=None)"
            raise ValueError(f"{self.name} cannot be called as verl calls it ({error}); write def {wanted}") from None
        return self

    async def _aevaluate(self, sample: DataSample, **kwargs: Any) -> RewardResult:  # noqa: ANN401
        label, extra = sample.output[0].answer.label, sample.metadata.get("extra_info")
        arguments = (
            sample.source or "",
            answer_text(sample),
            label.get("reference", label or None),
            dict(extra if isinstance(extra, Mapping) else sample.metadata),
        )
        result = await call(self.function, {**dict(zip(ARGUMENTS, arguments, strict=True)), **self.kwargs})
        score = score_in(result)
        if score is None:
            fix = "return a finite number, or a mapping with one under 'score'"
            raise RewardError(FailureKind.CRASH, f"{self.name} returned {result!r:.200}; {fix}")
        return RewardResult.of(self.name, score)
