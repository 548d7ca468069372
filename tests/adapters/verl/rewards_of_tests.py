"""Rewards that the tests name by their place, for verl's workers to import."""

from reward_fn.base import BaseListWiseReward, BasePointWiseReward, answer_text
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


class EvenReward(BasePointWiseReward):
    """1 for an answer with an even number of letters; one that holds the letter z fails."""

    name: str = "even"

    def _evaluate(self, sample: DataSample, **kwargs: object) -> RewardResult:
        text = answer_text(sample)
        if "z" in text:
            raise RewardError(FailureKind.TIMEOUT, "a z")
        return RewardResult.of(self.name, float(len(text) % 2 == 0))
