"""One answer as a pointwise judge rated it, and whether that is right; a line of `judgments.jsonl`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reward_fn.judges.pointwise import parse_pointwise
from rm_train.evaluation.judged import read_answer
from rm_train.evaluation.parquet import written_out
from rm_train.evaluation.pointwise.metrics import Judgment
from rm_train.evaluation.pointwise.reasons import fact_accuracy, reason_is_right

if TYPE_CHECKING:
    from rm_train.evaluation.generation import Answer
    from rm_train.evaluation.pointwise.rows import Row


@dataclass(frozen=True, slots=True)
class JudgedRow:
    """One row with what the judge made of it; a line of `judgments.jsonl`.

    Attributes:
        index: The row's number in its data set.
        target: The true score, 0 to 4.
        predicted: The judge's score; None if its verdict could not be read.
        reason: The judge's reason; None as above.
        failure: Kind of failure; None if the verdict could be read.
        failure_detail: What was wrong with the verdict, in a sentence.
        reason_right: Whether the reason is right in every fact; None if the row has no facts.
        fact_accuracy: The share (0 to 1) of facts stated rightly; None if the row has no facts.
        cut: Whether the answer was stopped at the length limit.
        tokens: Tokens of the answer.
        text: The answer as it was generated.
        prompt: What the judge was asked.
    """

    index: int
    target: int
    predicted: int | None
    reason: str | None
    failure: str | None
    failure_detail: str | None
    reason_right: bool | None
    fact_accuracy: float | None
    cut: bool
    tokens: int
    text: str
    prompt: str

    def judgment(self) -> Judgment:
        """Return what the metrics need of this row."""
        return Judgment(self.target, self.predicted, self.failure, self.reason_right, self.fact_accuracy)


def judge_answer(row: Row, answer: Answer) -> JudgedRow:
    """Read the verdict in an answer. Without one, the reason counts as wrong: silence must not raise its share."""
    verdict, failure, detail = read_answer(parse_pointwise(answer.text), answer)
    reason = None if verdict is None else verdict.reason
    return JudgedRow(
        index=row.index,
        target=row.target,
        predicted=None if verdict is None else verdict.score,
        reason=reason,
        failure=failure,
        failure_detail=detail,
        reason_right=None if row.facts is None else reason is not None and reason_is_right(reason, row.facts),
        fact_accuracy=None if row.facts is None else fact_accuracy(reason or "", row.facts),
        cut=answer.cut,
        tokens=answer.tokens,
        text=answer.text,
        prompt=written_out(row.prompt),
    )
