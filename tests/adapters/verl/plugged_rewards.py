"""Rewards that the tests name by their place, for verl's workers to import."""

import asyncio
import os
import signal
import uuid
from pathlib import Path
from typing import Any

from reward_fn.base import (
    BaseListWiseReward,
    BasePointWiseReward,
    BaseRuleReward,
    FinalAnswerReward,
    answer_text,
    reference_text,
)
from reward_fn.judges.llm.priority import current_priority
from reward_fn.schema import DataSample, FailureKind, RewardDimensionWithRank, RewardError, RewardResult


class LongestReward(BaseListWiseReward):
    """Ranks the answers to a prompt by their length; one that holds the word `5` fails its group."""

    name: str = "longest"

    def _evaluate(self, sample: DataSample, **kwargs: object) -> RewardResult:
        texts = [output.answer.content for output in sample.output]
        if "5" in texts:
            raise RewardError(FailureKind.REFUSAL, "a 5")
        ranks = [sum(len(other) < len(text) for other in texts) / max(1, len(texts) - 1) for text in texts]
        part = RewardDimensionWithRank(name=self.name, rank=ranks, reason=f"{len(texts)} answers")
        return RewardResult(name=self.name, details=[part])


class DigestReward(BasePointWiseReward):
    """A number of the answer's bytes, which no policy can guess; a fifth of all answers fail."""

    name: str = "digest"

    def _evaluate(self, sample: DataSample, **kwargs: object) -> RewardResult:
        total = sum(answer_text(sample).encode())
        if total % 5 == 0:
            raise RewardError(FailureKind.TIMEOUT, "this one fails")
        return RewardResult.of(self.name, total % 7 / 6)


class DownReward(BasePointWiseReward):
    """A reward whose judge is down."""

    name: str = "down"

    def _evaluate(self, sample: DataSample, **kwargs: object) -> RewardResult:
        raise RewardError(FailureKind.CONNECTION, "nobody answers")


class LastDigitReward(BasePointWiseReward):
    """1 for about one answer in ten, which no policy can guess."""

    name: str = "last_digit"

    def _evaluate(self, sample: DataSample, **kwargs: object) -> RewardResult:
        return RewardResult.of(self.name, float(sum(answer_text(sample).encode()) % 10 == 0))


class UrgencyReward(BasePointWiseReward):
    """The priority that a judge's request would have: 0 is the most urgent."""

    name: str = "urgency"

    def _evaluate(self, sample: DataSample, **kwargs: object) -> RewardResult:
        return RewardResult.of(self.name, float(current_priority()))


class TurnsReward(BasePointWiseReward):
    """The turns of a conversation, and the calls of a tool, as the metadata has them."""

    name: str = "turns"

    def _evaluate(self, sample: DataSample, **kwargs: object) -> RewardResult:
        return RewardResult.of(self.name, float(sample.metadata["turns"] + 10 * sample.metadata["calls"]))


class PerilousReward(BasePointWiseReward):
    """1 for the answer `4`, after some seconds, and 0 for most; `5` kills the process, and `is` fails.

    A file in a folder says that an answer is being scored.
    """

    name: str = "perilous"
    seconds: float
    folder: Path

    async def _aevaluate(self, sample: DataSample, **kwargs: Any) -> RewardResult:
        text = answer_text(sample)
        if text == "5":
            os.kill(os.getpid(), signal.SIGKILL)
        if text == "is":
            raise RewardError(FailureKind.CONNECTION, "nobody answers")
        (self.folder / uuid.uuid4().hex).touch()
        await asyncio.sleep(self.seconds)
        return RewardResult.of(self.name, float(text == "4"))


class ExactReward(BaseRuleReward):
    """1 for the final answer that is the reference, 0 for another one, and -1 for none."""

    version = 2

    name: str = "exact"

    @property
    def score_range(self) -> tuple[float, float]:
        return -1.0, 1.0

    def _evaluate(self, sample: DataSample, **kwargs: object) -> RewardResult:
        return RewardResult.of(self.name, float(self._answer(sample) == reference_text(sample)))


class LongestAnswerReward(FinalAnswerReward, BaseListWiseReward):
    """1 for the longest final answer, 0 for the others."""

    name: str = "longest_answer"

    def _evaluate(self, sample: DataSample, **kwargs: object) -> RewardResult:
        texts = [self._final_answer(sample, output.answer.content) or "" for output in sample.output]
        rank = [float(len(text) == max(map(len, texts))) for text in texts]
        return RewardResult(name=self.name, details=[RewardDimensionWithRank(name=self.name, rank=rank)])
