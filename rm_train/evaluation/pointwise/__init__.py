"""Judges that rate one answer, from 0 to 4."""

from __future__ import annotations

from collections.abc import Sequence

from rm_train.evaluation.kind import Kind
from rm_train.evaluation.pointwise.judged import JudgedRow, judge_answer
from rm_train.evaluation.pointwise.metrics import Figures, Metrics, as_json, compare, from_json, measure
from rm_train.evaluation.pointwise.rows import Row, read_rows


def _measure(rows: Sequence[JudgedRow]) -> Metrics:
    return measure([row.judgment() for row in rows])


def _compare(before: Sequence[JudgedRow], after: Sequence[JudgedRow]) -> Figures:
    return compare([row.judgment() for row in before], [row.judgment() for row in after])


def _same_rows(before: Sequence[JudgedRow], after: Sequence[JudgedRow]) -> bool:
    first, second = ([(row.index, row.target, row.prompt) for row in rows] for rows in (before, after))
    return first == second


POINTWISE: Kind[Row, JudgedRow, Metrics] = Kind(
    read_rows=read_rows,
    judge=judge_answer,
    judged_type=JudgedRow,
    measure=_measure,
    compare=_compare,
    same_rows=_same_rows,
    as_json=as_json,
    from_json=from_json,
)
