"""A judge that compares two answers: with the prompts and the parsers that `rm_train` trains on."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field, field_validator

from reward_fn.base import BasePairWiseReward
from reward_fn.judges.forms import PAIR_FORMS
from reward_fn.judges.judge_reward import JudgeReward
from reward_fn.judges.llm import Completion
from reward_fn.judges.sections import answers_of, conversation_of
from reward_fn.schema import DataSample, Failure, RewardDimensionWithRank, RewardError, RewardResult

_FIRST = {"A": 1.0, "tie": 0.5, "B": 0.0}


class PairwiseJudgeReward(JudgeReward, BasePairWiseReward):
    """How many of the others an answer beats, by a judge of two answers: the reward that gives a trained one back.

    Every pair is judged once, in the order of the answers; `tournament` around it judges in both orders. The prompt is
    the one that judges are trained on here, so it is not changed when a reply cannot be read.
    """

    formula: ClassVar[str] = "(wins + ties / 2) / (answers - 1)"

    name: str = "pairwise_judge"
    form: str = Field("pairwise", description=f"how it is asked and writes its verdict: {', '.join(PAIR_FORMS)}")

    @field_validator("form")
    @classmethod
    def _known(cls, form: str) -> str:
        if form not in PAIR_FORMS:
            raise ValueError(f"there is no form {form!r}; choose one of {', '.join(PAIR_FORMS)}")
        return form

    async def _judge(self, sample: DataSample, **_: Any) -> RewardResult:  # noqa: ANN401
        messages = PAIR_FORMS[self.form].messages(conversation_of(sample), answers_of(sample))
        return await self.llm.aask(messages, self._read, draw=self.draw)

    def _read(self, completion: Completion) -> RewardResult:
        verdict = PAIR_FORMS[self.form].parse(completion.text)
        if isinstance(verdict, Failure):
            raise RewardError(verdict.kind, verdict.detail, retriable=verdict.retriable)
        first = _FIRST[verdict.preference]
        part = RewardDimensionWithRank(name=self.name, rank=[first, 1 - first], reason=getattr(verdict, "reason", ""))
        return RewardResult(name=self.name, details=[part])
