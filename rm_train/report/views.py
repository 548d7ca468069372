"""The views of all kinds of judges, and which one a run has."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rm_train.evaluation.kind import Measured
from rm_train.report.pairwise import PAIRWISE_VIEW
from rm_train.report.pointwise import POINTWISE_VIEW
from rm_train.report.view import View

VIEWS: Mapping[str, View] = {"pointwise": POINTWISE_VIEW, "pairwise": PAIRWISE_VIEW}
"""By the name of the kind in `rm_train.evaluation.kinds`."""


def view_of(metrics: Measured) -> View:
    """Return how a judge with such metrics is shown."""
    return VIEWS[metrics.kind]


def kind_of_run(folder: Path, facts: Mapping[str, Any], evaluated: list[Measured]) -> str:
    """Return the kind of a run: what was evaluated says it, and before that the task in `run.json`.

    A run that says neither is one of the first ones, which are pointwise.

    Raises:
        ValueError: Judges of different kinds were evaluated.
    """
    kinds = {metrics.kind for metrics in evaluated}
    if len(kinds) > 1:
        raise ValueError(f"{folder}: judges of different kinds were evaluated: {', '.join(sorted(kinds))}")
    task = str(facts.get("task"))
    return next(iter(kinds), task if task in VIEWS else "pointwise")
