"""Rewards that a preflight must tell apart; the tests name them by their place."""

from reward_fn.base import BaseListWiseReward, BasePointWiseReward, answer_text, reference_text
from reward_fn.schema import DataSample, FailureKind, RewardDimensionWithRank, RewardError, RewardResult


def right(text: str, sample: DataSample) -> float:
    return float(text.endswith(f"#### {reference_text(sample)}"))


class BackwardsReward(BasePointWiseReward):
    """Pays what is wrong."""

    name: str = "backwards"

    def _evaluate(self, sample: DataSample, **kwargs: object) -> RewardResult:
        return RewardResult.of(self.name, 1 - right(answer_text(sample), sample))


class NeedsWordsReward(BasePointWiseReward):
    """Pays what is right, from -2 to -1, and fails for answers without a word."""

    name: str = "needs_words"

    def _evaluate(self, sample: DataSample, **kwargs: object) -> RewardResult:
        text = answer_text(sample)
        if not text:
            raise RewardError(FailureKind.BAD_INPUT, "the answer is empty")
        return RewardResult.of(self.name, right(text, sample) - 2)


class AskedReward(BasePointWiseReward):
    """Pays what is right where the conversation came with it."""

    name: str = "asked"

    def _evaluate(self, sample: DataSample, **kwargs: object) -> RewardResult:
        told = any("Let's think step by step" in str(message.content) for message in sample.input)
        return RewardResult.of(self.name, right(answer_text(sample), sample) * told)


class BestReward(BaseListWiseReward):
    """Ranks right answers first."""

    name: str = "best"

    def _evaluate(self, sample: DataSample, **kwargs: object) -> RewardResult:
        ranks = [right(output.answer.content, sample) for output in sample.output]
        return RewardResult(name=self.name, details=[RewardDimensionWithRank(name=self.name, rank=ranks)])


class FirstReward(BaseListWiseReward):
    """Likes the first answer best, as some judges do."""

    name: str = "first"

    def _evaluate(self, sample: DataSample, **kwargs: object) -> RewardResult:
        ranks = [float(not place) for place, _ in enumerate(sample.output)]
        return RewardResult(name=self.name, details=[RewardDimensionWithRank(name=self.name, rank=ranks)])
