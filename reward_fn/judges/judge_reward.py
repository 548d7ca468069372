"""What all judges share: the model that is asked, and the final answers of the responses, which are what it reads."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from reward_fn.base import FinalAnswerReward
from reward_fn.judges.llm import OpenaiLLM
from reward_fn.judges.sections import final_answers_of
from reward_fn.schema import DataOutput, DataSample, RewardDimensionWithRank, RewardResult

_UNREADABLE = "unreadable: no final answer"


class JudgeReward(FinalAnswerReward):
    """A reward that has a language model judge the final answers of responses.

    A response without a final answer, such as one whose thought is not closed, is shown to the judge as an empty text.
    Where no response has one (a pointwise judge's only response, or all that are compared), the judge is not asked:
    they get the lower end of the score's range.

    A subclass overrides `_judge`, and stands before a scoring pattern among the bases of a class.
    """

    version: ClassVar[int] = 2
    cost: ClassVar[str] = "llm"

    llm: OpenaiLLM = Field(description="the judge: model, base_url and the like")
    draw: int = Field(0, ge=0, description="which of several replies to the same prompt this is, for the cache")

    @property
    def _at_once(self) -> int:
        return self.llm.max_concurrency

    async def _judge(self, sample: DataSample, **kwargs: Any) -> RewardResult:  # noqa: ANN401 - the user's arguments
        """Ask the judge; the contents of the sample's answers are their final answers."""
        raise NotImplementedError(f"{type(self).__name__} does not override _judge")

    async def _aevaluate(self, sample: DataSample, **kwargs: Any) -> RewardResult:  # noqa: ANN401
        texts = all(isinstance(output.answer.content, str) for output in sample.output)
        if not texts or self.scoring_pattern == "stepwise":
            return await self._judge(sample, **kwargs)
        answers = final_answers_of(sample, self)
        if all(answer is None for answer in answers) and self._comparable(len(answers)):
            return self._unreadable(len(answers))
        outputs = [_answering(output, answer) for output, answer in zip(sample.output, answers, strict=True)]
        return await self._judge(sample.changed(output=outputs), **kwargs)

    def _comparable(self, count: int) -> bool:
        """Return whether so many responses are what the pattern scores at a time."""
        return count > 1 or self.scoring_pattern == "pointwise"

    def _unreadable(self, count: int) -> RewardResult:
        low = self.score_range[0]
        if self.scoring_pattern == "pointwise":
            return RewardResult.of(self.name, low, _UNREADABLE, unreadable=True)
        part = RewardDimensionWithRank(name=self.name, rank=[low] * count, reason=_UNREADABLE)
        return RewardResult(name=self.name, details=[part], extra_data={"unreadable": True})


def _answering(output: DataOutput, answer: str | None) -> DataOutput:
    if answer == output.answer.content:
        return output
    return output.changed(answer=output.answer.changed(content=answer or ""))
