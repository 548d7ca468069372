"""Judges that rate one answer, from 0 to 4."""

from __future__ import annotations

from rm_train.evaluation.kind import Kind
from rm_train.evaluation.pointwise.judged import JudgedRow, judge_answer
from rm_train.evaluation.pointwise.metrics import Metrics, as_json, compare, from_json, measure
from rm_train.evaluation.pointwise.rows import Row, read_rows

POINTWISE: Kind[Row, JudgedRow, Metrics] = Kind(
    read_rows=read_rows,
    judge=judge_answer,
    judged_type=JudgedRow,
    asked=("index", "target", "prompt"),
    of_judgments=measure,
    of_changes=compare,
    as_json=as_json,
    from_json=from_json,
)
