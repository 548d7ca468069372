"""RationaleRM's reward with a meta-judge: a language model says which of a judge's reasons are a human's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from pydantic import Field

from reward_fn.base import answer_text
from reward_fn.judges.forms.checklist import FORM, ChecklistVerdict
from reward_fn.judges.llm_reward import BaseLLMReward
from reward_fn.judges.sections import RULE, sections
from reward_fn.judges.template import AnyTemplate, BasePromptTemplate, Form, UnparseableError
from reward_fn.schema import DataSample, Failure, RewardResult
from rm_train.tasks.labels import Label
from rm_train.tasks.rationale import POINTS, Match, Matched, RationaleReward, checklist_of


class MatchTemplate(BasePromptTemplate):
    """Asks which of a judge's reasons says the same as each of a human's."""

    json_form: ClassVar[bool] = True

    points: list[int] = Field(
        description="for each reason of the human, in order, the number of the judge's reason that says the same, or 0"
    )
    scores: list[float] = Field(description="for each of these, from 0 to 1, how fully they say the same; 0 where none")

    @classmethod
    def format(cls, *, checklist: Sequence[str], points: Sequence[str], form: Form = "tags") -> str:
        """Return the prompt."""
        return "\n\n".join(
            [
                "A human and a judge gave reasons for preferring one of two answers. For each of the human's reasons, "
                "find the judge's reason that says the same of the same answer, about the same place or fact. To be "
                "about the same topic is not enough.",
                RULE,
                sections({"reasons of the human": _numbered(checklist), "reasons of the judge": _numbered(points)}),
                cls.schema(form),
            ]
        )


def _numbered(reasons: Sequence[str]) -> str:
    return "\n".join(f"{number}. {reason}" for number, reason in enumerate(reasons, 1))


class JudgedRationaleReward(BaseLLMReward, RationaleReward):
    """Whether a judge prefers what humans prefer, and a meta-judge finds its reasons to be theirs.

    Label, parts and score are those of `rationale_reward`. An answer without a valid verdict is paid without a request;
    a meta-judge that fails is a failure of the reward.
    """

    formula: ClassVar[str] = RationaleReward.formula

    name: str = "judged_rationale_reward"
    template: AnyTemplate = Field(default=MatchTemplate, description="the prompt and the form of the reply")

    async def _aevaluate(self, sample: DataSample, **kwargs: Any) -> RewardResult:  # noqa: ANN401
        text, label = answer_text(sample), sample.output[0].answer.label
        verdict = self._read(text, label)
        if not isinstance(verdict, Failure):
            self._label(label)  # one that cannot be used costs no request
            return await super()._aevaluate(sample, **kwargs)
        return self._result(*self._pay(verdict, label, text), verdict, text)

    def _read(self, text: str, label: Label) -> Any | Failure:  # noqa: ANN401
        checklist_of(label)
        return FORM.parse(text)

    def _before_evaluate(self, sample: DataSample, **_: Any) -> dict[str, Any]:  # noqa: ANN401
        verdict = FORM.parse(answer_text(sample))
        assert isinstance(verdict, ChecklistVerdict)  # nothing is asked about others
        return {"checklist": checklist_of(sample.output[0].answer.label), "points": verdict.points[:POINTS]}

    def _after_evaluate(self, sample: DataSample, response: Any, **_: Any) -> RewardResult:  # noqa: ANN401
        text, label = answer_text(sample), sample.output[0].answer.label
        read = FORM.parse(text)
        assert isinstance(read, ChecklistVerdict)
        matches = _matches(response, len(checklist_of(label)), len(read.points[:POINTS]))
        verdict = Matched(read.preference, matches)
        return self._result(*self._pay(verdict, label, text), verdict, text)


def _matches(response: MatchTemplate, reasons: int, points: int) -> list[Match]:
    """Return what a meta-judge says of so many reasons of a human and points of a judge."""
    if not len(response.points) == len(response.scores) == reasons:
        raise UnparseableError(f"points, scores: expected {reasons} of each, one for each reason of the human")
    if not all(0 <= point <= points for point in response.points):
        raise UnparseableError(f"points: expected numbers from 0 to {points}")
    if not all(0 <= score <= 1 for score in response.scores):
        raise UnparseableError("scores: expected numbers from 0 to 1")
    pairs = zip(response.points, response.scores, strict=True)
    return [Match(point - 1, score) if point else Match(None, 0.0) for point, score in pairs]
