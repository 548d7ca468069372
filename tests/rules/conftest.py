"""One answer, scored."""

from collections.abc import Callable
from typing import Any

import pytest

from reward_fn.registry import RewardRegistry
from reward_fn.schema import DataOutput, DataSample, RewardResult, Step

_MISSING = object()


@pytest.fixture
def scored() -> Callable[..., RewardResult]:
    """Score an answer by a rule of a name; fields of the rule follow."""

    def scored(name: str, answer: object, reference: object = _MISSING, **fields: Any) -> RewardResult:
        label = {} if reference is _MISSING else {"reference": reference}
        sample = DataSample(output=[DataOutput(answer=Step(content=answer, label=label))])
        (result,) = RewardRegistry.get(name)(**fields).score(sample)
        return result

    return scored
