"""Judges that compare two answers, each pair in both orders."""

from __future__ import annotations

from rm_train.evaluation.kind import Kind
from rm_train.evaluation.pairwise.judged import JudgedPair, judge_answer
from rm_train.evaluation.pairwise.metrics import PairMetrics, as_json, compare, from_json, measure
from rm_train.evaluation.pairwise.rows import PairRow, read_rows

PAIRWISE: Kind[PairRow, JudgedPair, PairMetrics] = Kind(
    read_rows=read_rows,
    judge=judge_answer,
    judged_type=JudgedPair,
    asked=("index", "pair_id", "order", "target", "prompt"),
    of_judgments=measure,
    of_changes=compare,
    as_json=as_json,
    from_json=from_json,
)
