"""One order of a pair as a judge compared it, and whether that is right; a line of `judgments.jsonl`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reward_fn.judges.forms import PAIR_FORMS
from reward_fn.judges.forms.checklist import ChecklistVerdict
from reward_fn.judges.pairwise import Preference
from rm_train.evaluation.judged import read_answer
from rm_train.evaluation.pairwise.judgment import PairJudgment
from rm_train.evaluation.pairwise.reasons import fact_accuracy, stated_facts
from rm_train.evaluation.parquet import written_out

if TYPE_CHECKING:
    from rm_train.evaluation.generation import Answer
    from rm_train.evaluation.pairwise.rows import PairRow


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedPair:
    """One row with what the judge made of it.

    Attributes:
        index: The row's number in its data set.
        pair_id: The same for both rows of a pair.
        order: 0 as the pair stands in the data, 1 swapped.
        target: The better answer: A, B or tie.
        predicted: What the judge prefers; None if its verdict could not be read.
        reason: The judge's reason, "" where its form has none; None as above.
        failure: Kind of failure; None if the verdict could be read.
        failure_detail: What was wrong with the verdict, in a sentence.
        reason_right: Whether the reason is right in every fact; None if the row has no facts.
        fact_accuracy: The share (0 to 1) of facts stated rightly; None if the row has no facts.
        strength: How much better, from -3 to 3, negative where A is; None where the data does not say.
        length_a: The characters of A; None where the data does not say.
        length_b: The characters of B; None as above.
        cut: Whether the judge's answer was stopped at the length limit.
        tokens: Tokens of the judge's answer.
        text: The judge's answer as it was generated.
        prompt: What the judge was asked.
        conversation: The turns before the answers.
        answer_a: The answer that was shown first.
        answer_b: The answer that was shown second.
    """

    index: int
    pair_id: str
    order: int
    target: Preference
    predicted: Preference | None
    reason: str | None
    failure: str | None
    failure_detail: str | None
    reason_right: bool | None
    fact_accuracy: float | None
    strength: int | None
    length_a: int | None
    length_b: int | None
    cut: bool
    tokens: int
    text: str
    prompt: str
    conversation: str
    answer_a: str
    answer_b: str

    @property
    def right(self) -> bool:
        """Whether the verdict is the true one; one that could not be read is wrong."""
        return self.predicted == self.target

    def judgment(self) -> PairJudgment:
        """Return what the metrics need of this row."""
        longer: Preference | None = None
        if self.length_a is not None and self.length_b is not None and self.length_a != self.length_b:
            longer = "A" if self.length_a > self.length_b else "B"
        return PairJudgment(
            pair_id=self.pair_id,
            order=self.order,
            target=self.target,
            predicted=self.predicted,
            failure=self.failure,
            longer=longer,
            strength=None if self.strength is None else abs(self.strength),
            reason_right=self.reason_right,
            fact_accuracy=self.fact_accuracy,
        )


def judge_answer(row: PairRow, answer: Answer) -> JudgedPair:
    """Read the verdict in an answer. Without one, the reason counts as wrong: silence must not raise its share."""
    verdict, failure, detail = read_answer(PAIR_FORMS[row.form].parse(answer.text), answer)
    reason = None if verdict is None else _reason(verdict)
    length_a, length_b = row.lengths or (None, None)
    return JudgedPair(
        index=row.index,
        pair_id=row.pair_id,
        order=row.order,
        target=row.target,
        predicted=None if verdict is None else verdict.preference,
        reason=reason,
        failure=failure,
        failure_detail=detail,
        reason_right=None if row.facts is None else stated_facts(reason or "") == row.facts,
        fact_accuracy=None if row.facts is None else fact_accuracy(reason or "", row.facts),
        strength=row.strength,
        length_a=length_a,
        length_b=length_b,
        cut=answer.cut,
        tokens=answer.tokens,
        text=answer.text,
        prompt=written_out(row.prompt),
        conversation=row.conversation,
        answer_a=row.answers[0],
        answer_b=row.answers[1],
    )


def _reason(verdict: Any) -> str:  # noqa: ANN401 - each form has its own verdicts
    text: str = "\n".join(verdict.points) if isinstance(verdict, ChecklistVerdict) else verdict.reason
    return text
