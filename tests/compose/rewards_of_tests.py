"""Rewards for the tests of compositions; imported by its own name in worker processes as well."""

import asyncio

from pydantic import PrivateAttr

from reward_fn.base import BaseListWiseReward, BasePointWiseReward, answer_text
from reward_fn.schema import (
    DataOutput,
    DataSample,
    FailureKind,
    RewardDimensionWithRank,
    RewardError,
    RewardResult,
    Step,
)


class Length(BasePointWiseReward):
    """Characters of the answer; counts how often it is asked."""

    name: str = "length"
    _asked: list[str] = PrivateAttr(default_factory=list)

    @property
    def score_range(self):
        return 0.0, float("inf")

    def _evaluate(self, sample, **kwargs):
        text = answer_text(sample)
        self._asked.append(text)
        if text == "crash":
            raise RewardError(FailureKind.TIMEOUT, "too slow", retriable=True)
        return RewardResult.of(self.name, len(text), f"{len(text)} characters")


class SlowLength(Length):
    """The same, waiting."""

    name: str = "slow_length"
    seconds: float = 0.0

    async def _aevaluate(self, sample, **kwargs):
        await asyncio.sleep(self.seconds)
        return self._evaluate(sample, **kwargs)


class HeavyLength(Length):
    """The same, in worker processes."""

    name: str = "heavy_length"
    cost = "heavy"


class Longest(BaseListWiseReward):
    """Which of the answers is the longest."""

    name: str = "longest"

    def _evaluate(self, sample, **kwargs):
        lengths = [len(output.answer.content) for output in sample.output]
        rank = [float(length == max(lengths)) for length in lengths]
        return RewardResult(name=self.name, details=[RewardDimensionWithRank(name=self.name, rank=rank)])


def sample_of(*answers, **fields):
    outputs = [DataOutput(answer=Step(content=text, label={"reference": "aa"})) for text in answers]
    return DataSample(output=outputs, **fields)


def scores(sample):
    return [output.answer.reward.score for output in sample.output]


def by_first_letter(sample):
    return sample.output[0].answer.content[:1]
