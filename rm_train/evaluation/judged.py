"""One judged row: the answer, what was read from it, and whether that is right.

A figure that surprises is settled by looking at rows. So each row keeps the whole answer and the whole prompt beside
the verdict, in `judgments.jsonl`, which the report reads back.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from reward_fn.judges.pointwise import PointwiseVerdict, parse_pointwise
from reward_fn.schema import FailureKind
from rm_train.evaluation.metrics import Judgment
from rm_train.evaluation.reasons import fact_accuracy, reason_is_right

if TYPE_CHECKING:
    from rm_train.evaluation.generation import Answer
    from rm_train.evaluation.rows import Row


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
    verdict = parse_pointwise(answer.text)
    if isinstance(verdict, PointwiseVerdict):
        predicted, reason, failure, detail = verdict.score, verdict.reason, None, None
    else:
        # The parser sees text alone; that an answer was cut is why it has no verdict, whatever the text looks like.
        kind = FailureKind.TRUNCATED if answer.cut else verdict.kind
        predicted, reason, failure, detail = None, None, kind.value, verdict.detail
    return JudgedRow(
        index=row.index,
        target=row.target,
        predicted=predicted,
        reason=reason,
        failure=failure,
        failure_detail=detail,
        reason_right=None if row.facts is None else reason is not None and reason_is_right(reason, row.facts),
        fact_accuracy=None if row.facts is None else fact_accuracy(reason or "", row.facts),
        cut=answer.cut,
        tokens=answer.tokens,
        text=answer.text,
        prompt=row.prompt_text,
    )


def as_lines(rows: Iterable[JudgedRow]) -> str:
    """Return the content of `judgments.jsonl`."""
    return "".join(json.dumps(asdict(row), ensure_ascii=False) + "\n" for row in rows)


def read_judgments(path: Path) -> list[JudgedRow]:
    """Read `judgments.jsonl`.

    Raises:
        FileNotFoundError: The file does not exist.
        ValueError: A line is not a judged row; the message has its number.
    """
    rows = []
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            try:
                rows.append(JudgedRow(**json.loads(line)))
            except (TypeError, ValueError) as error:
                raise ValueError(f"{path}, line {number} is not a judged row: {error}") from error
    return rows
