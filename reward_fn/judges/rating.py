"""A judge that rates one answer on HelpSteer2's scale: with the prompt and the parser that `rm_train` trains on."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal

from pydantic import Field

from reward_fn.base import BasePointWiseReward
from reward_fn.judges.judge_reward import JudgeReward
from reward_fn.judges.llm import Completion
from reward_fn.judges.pointwise import SCORES, PointwiseVerdict, parse_pointwise, pointwise_messages
from reward_fn.judges.sections import answers_of, conversation_of
from reward_fn.schema import DataSample, Failure, FailureKind, RewardError, RewardResult

_TOP = 20
"""How many rivals of a token servers tell at most."""


class PointwiseJudgeReward(JudgeReward, BasePointWiseReward):
    """How good a judge says that an answer is, from 0 to 4: the reward that gives a trained judge back.

    The prompt is the one that judges are trained on here, so it is not changed when a reply cannot be read.
    """

    formula: ClassVar[str] = "the judge's score; by `expected`, sum(p(score) * score) over the scores' probabilities"
    source: ClassVar[str] = "HelpSteer2 (arXiv 2406.08673); expected value: Liu et al. 2023, G-Eval"

    name: str = "pointwise_judge"
    attribute: Literal["helpfulness", "correctness", "coherence", "complexity", "verbosity"] = Field(
        "helpfulness", description="what is rated"
    )
    score_by: Literal["verdict", "expected"] = Field(
        "verdict", description="the score that is written, or its expected value by the endpoint's log-probabilities"
    )

    @property
    def score_range(self) -> tuple[float, float]:
        """That of HelpSteer2."""
        return float(SCORES[0]), float(SCORES[-1])

    async def _judge(self, sample: DataSample, **_: Any) -> RewardResult:  # noqa: ANN401
        messages = pointwise_messages(conversation_of(sample), answers_of(sample)[0], self.attribute)
        expected = self.score_by == "expected"
        return await self.llm.aask(messages, self._read, top_logprobs=_TOP if expected else 0, draw=self.draw)

    def _read(self, completion: Completion) -> RewardResult:
        verdict = parse_pointwise(completion.text)
        if isinstance(verdict, Failure):
            raise RewardError(verdict.kind, verdict.detail, retriable=verdict.retriable)
        score = float(verdict.score) if self.score_by == "verdict" else expected_score(completion, verdict)
        return RewardResult.of(self.name, score, verdict.reason)


def expected_score(completion: Completion, verdict: PointwiseVerdict) -> float:
    """Return the mean of the scores, each by the probability that the judge writes it in place of the one it wrote.

    Raises:
        RewardError: The endpoint gives no log-probabilities, or its tokens do not show the score as one token.
    """
    if not completion.logprobs:
        raise RewardError(
            FailureKind.UNAVAILABLE, "score_by=expected needs log-probabilities, which the endpoint does not give"
        )
    # Backwards: what stands after the score is its closing tag, and perhaps the token that ends the text.
    digit = str(verdict.score)
    for token in reversed(completion.logprobs):
        if token.token.strip() == digit:
            break
        if any(character.isdigit() for character in token.token):
            raise RewardError(FailureKind.UNAVAILABLE, f"the score is part of the token {token.token!r}")
    else:
        raise RewardError(FailureKind.UNAVAILABLE, f"no token is the score {digit}")
    weights = dict.fromkeys(SCORES, 0.0)
    for text, logprob in token.top:
        if text.strip().isdecimal() and int(text) in weights:
            weights[int(text)] += math.exp(logprob)
    total = sum(weights.values())
    if not total > 0:
        raise RewardError(FailureKind.UNAVAILABLE, "the endpoint's log-probabilities do not have the scores")
    return sum(score * weight for score, weight in weights.items()) / total
