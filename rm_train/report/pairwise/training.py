"""The training curves that only judges that compare have: what they choose, and in which share of cases."""

from __future__ import annotations

from collections.abc import Mapping

from rm_train.evaluation.pairwise.metrics import PairMetrics
from rm_train.report.curves import Points, Steps, curve, validation_curve
from rm_train.report.plots import Plot

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


def more_plots(metrics: PairMetrics | None) -> list[Plot]:
    """Return what the judge chooses, each beside the share of the validation rows of which it is true."""
    true: dict[str, tuple[float, str]] = {}
    if metrics is not None:
        true = {
            "chose_a": (sum(metrics.confusion[0]) / metrics.rows, "validation rows whose better answer is A"),
            "chose_longer": (metrics.rules["longer"], "validation rows whose better answer is the longer one"),
            "tie": (metrics.truth.ties, "validation rows that are ties"),
        }
    titles = {
        "both_right": "Right in both orders",
        "chose_a": "Verdicts for A, among all answers",
        "chose_longer": "Verdicts for the longer answer, among all",
        "tie": "Ties, among all answers",
    }
    return [
        Plot(title, "rollouts", name, f"validation_{name}", True, true.get(name), always=name != "both_right")
        for name, title in titles.items()
    ]
