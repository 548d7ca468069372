"""What rewards share that look at the final answer of a response, and what rules do with one that they cannot read."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import BeforeValidator, Field

from reward_fn.base.answers import answer_text
from reward_fn.base.final_answer import Read, final_answer
from reward_fn.base.patterns import BasePointWiseReward
from reward_fn.base.reward import BaseReward
from reward_fn.schema import DataSample, RewardResult

READ = (
    "the part of a response that is its final answer: whole, after_thought, tag:NAME, last_box, last_line, last_number"
)


def _number(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError(f"write a number, such as 0, not {str(value).lower()}")
    return value


class UnreadableResponseError(Exception):
    """Raised by a rule for a response that it cannot read; the rule then gives `on_unreadable`, which is a score.

    It is for what a response causes: no final answer, too long, too expensive to compare. What the row or the machine
    causes is a `RewardError`, which becomes a failure.
    """


class FinalAnswerReward(BaseReward):
    """A reward that looks at the final answer of a response.

    A sample whose `metadata` has `thought_opened: true` counts as if the field were set: adapters that know the
    rendered prompt set it.
    """

    read: Read = Field("after_thought", description=READ)
    thought_opened: bool = Field(False, description="whether the prompt already opened the thought of every response")

    def _final_answer(self, sample: DataSample, text: str) -> str | None:
        """Return the final answer of a response to a sample, or None if it has none."""
        return final_answer(text, self.read, thought_opened=self._thought_opened(sample))

    def _thought_opened(self, sample: DataSample) -> bool:
        return self.thought_opened or sample.metadata.get("thought_opened") is True


class BaseRuleReward(FinalAnswerReward, BasePointWiseReward):
    """A reward that is code: it scores the final answer of every response.

    A subclass overrides `_evaluate`, and gets the answer from `_answer`.
    """

    unreadable_score: ClassVar[float | None] = None
    """The score of an unreadable response, where it is not the lower end of `score_range`."""

    on_unreadable: Annotated[float | None, BeforeValidator(_number)] = Field(
        None,
        allow_inf_nan=False,
        description="the score of a response that cannot be read (no final answer, too long, too expensive to "
        "compare); None: the lower end of the score's range, or 0 where that is open",
    )

    def _answer(self, sample: DataSample) -> str:
        """Return the final answer of a sample's only response.

        Raises:
            UnreadableResponseError: It has none.
            RewardError: The response is not text.
        """
        text = answer_text(sample)
        answer = text if self.read == "whole" else self._final_answer(sample, text)
        if answer is None:
            raise UnreadableResponseError(f"no final answer (read={self.read})")
        return answer

    def _indented_answer(self, sample: DataSample) -> str:
        """Return the final answer with the indentation of its first line, which counts in code and patches.

        Raises:
            UnreadableResponseError: It has none.
            RewardError: The response is not text.
        """
        answer, response = self._answer(sample), answer_text(sample)
        if len(answer) == len(response):
            return response
        body = response.rstrip()
        start = len(body) - len(answer) if body.endswith(answer) else response.rfind(answer)
        before = response[response.rfind("\n", 0, start) + 1 : start]
        return before + answer if answer and before.isspace() else answer

    def _result_of(self, error: Exception) -> RewardResult:
        if isinstance(error, UnreadableResponseError):
            return RewardResult.of(self.name, self._unreadable(), f"unreadable: {error}", unreadable=True)
        return super()._result_of(error)

    def _unreadable(self) -> float:
        if self.on_unreadable is not None:
            return self.on_unreadable
        if self.unreadable_score is not None:
            return self.unreadable_score
        low = self.score_range[0]
        return low if low > float("-inf") else 0.0
