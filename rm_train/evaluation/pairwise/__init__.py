"""Judges that compare two answers, each pair in both orders."""

from __future__ import annotations

from collections.abc import Sequence

from rm_train.evaluation.kind import Kind
from rm_train.evaluation.pairwise.judged import JudgedPair, judge_answer
from rm_train.evaluation.pairwise.metrics import PairFigures, PairMetrics, as_json, compare, from_json, measure
from rm_train.evaluation.pairwise.rows import PairRow, read_rows


def _measure(rows: Sequence[JudgedPair]) -> PairMetrics:
    return measure([row.judgment() for row in rows])


def _compare(before: Sequence[JudgedPair], after: Sequence[JudgedPair]) -> PairFigures:
    return compare([row.judgment() for row in before], [row.judgment() for row in after])


def _same_rows(before: Sequence[JudgedPair], after: Sequence[JudgedPair]) -> bool:
    first, second = ([(row.index, row.pair_id, row.order, row.target, row.prompt) for row in rows]
                     for rows in (before, after))  # fmt: skip
    return first == second


PAIRWISE: Kind[PairRow, JudgedPair, PairMetrics] = Kind(
    read_rows=read_rows,
    judge=judge_answer,
    judged_type=JudgedPair,
    measure=_measure,
    compare=_compare,
    same_rows=_same_rows,
    as_json=as_json,
    from_json=from_json,
)
