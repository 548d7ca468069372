"""The training curves that only judges that compare have: what they choose, and in which share of cases."""

from __future__ import annotations

from collections.abc import Mapping

from rm_train.evaluation.pairwise.metrics import PairMetrics
from rm_train.report.charts import Chart, Series, line_chart
from rm_train.report.curves import Points, Steps, curve, validation_curve
from rm_train.report.view import Curves

_PARTS: Mapping[str, str] = {
    "both_right": "consistent",
    "chose_a": "chose_a",
    "chose_longer": "chose_longer",
    "tie": "tie",
}
"""Curve -> the part of the training reward; `consistent` is 1 where all orders are right, and few rewards have it."""


def more_curves(steps: Steps) -> dict[str, Points]:
    """Return the curves of the reward's parts, of training and of validation."""
    found = {name: curve(steps, f"reward/{part}/mean") for name, part in _PARTS.items()}
    return found | {f"validation_{name}": validation_curve(steps, part) for name, part in _PARTS.items()}


def more_charts(curves: Curves, steps: tuple[int, int], metrics: PairMetrics | None) -> list[Chart]:
    """Draw what the judge chooses, each beside the share of the validation rows of which it is true."""
    true: dict[str, tuple[float, str]] = {}
    if metrics is not None:
        true = {
            "chose_a": (sum(metrics.confusion[0]) / metrics.rows, "validation rows whose better answer is A"),
            "chose_longer": (metrics.rules["longer"], "validation rows whose better answer is the longer one"),
            "tie": (metrics.truth.ties, "validation rows that are ties"),
        }
    titles = {
        "chose_a": "Verdicts for A, among all answers",
        "chose_longer": "Verdicts for the longer answer, among all",
        "tie": "Ties, among all answers",
    }
    if curves["both_right"] or curves["validation_both_right"]:
        titles = {"both_right": "Right in both orders"} | titles
    return [
        line_chart(title, _series(curves, name), steps, percent=True, reference=true.get(name))
        for name, title in titles.items()
    ]


def _series(curves: Curves, name: str) -> list[Series]:
    return [
        Series("rollouts", curves[name]),
        Series("validation, greedy", curves[f"validation_{name}"], "validation"),
    ]
