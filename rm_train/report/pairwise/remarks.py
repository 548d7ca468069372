"""What a reader must know of a judge that compares beside its headline: what moved, and whether it has a habit."""

from __future__ import annotations

from rm_train.evaluation.intervals import Estimate
from rm_train.evaluation.pairwise.metrics import PairFigures, PairMetrics
from rm_train.report.pairwise.words import FIGURES
from rm_train.report.wording import interval, number

_TOLD = ("accuracy", "consistent", "a_rate", "longer_rate", "tie_rate", "valid")
"""The figures of which is told how they moved, beside the one of the headline."""


def remarks(metrics: PairMetrics, change: PairFigures | None) -> list[str]:
    """Return sentences about the last judge; `change` is what training changed, if that is known."""
    found = [] if change is None else [_movements(change)]
    figures, truth = metrics.figures, metrics.truth
    found += _habit(
        "the answer shown first", "A", "their place", "a_excess", figures.a_rate, figures.a_excess, truth.a
    )  # fmt: skip
    found += _habit(
        "the longer answer", "the longer one", "their length", "longer_excess", figures.longer_rate,
        figures.longer_excess, truth.longer,
    )  # fmt: skip
    if metrics.single_rows:
        found.append(
            f"{metrics.single_rows:,} rows are there without the other order of their pair; they count in no figure of "
            "pairs."
        )
    return found


def _movements(change: PairFigures) -> str:
    """Say which figures rose, fell, or stayed within noise."""
    moves: dict[str, list[str]] = {"rose": [], "fell": [], "stayed within noise": []}
    for name in _TOLD:
        estimate: Estimate = getattr(change, name)
        if estimate.value is None or estimate.low is None:
            continue
        label = FIGURES[name].label
        if not estimate.excludes_zero:
            moves["stayed within noise"].append(label)
            continue
        by = f"{label} by {number(FIGURES[name], estimate.value, signed=True)}"
        moves["rose" if estimate.low > 0 else "fell"].append(by)
    told = "; ".join(f"{how}: {', '.join(names)}" for how, names in moves.items() if names)
    return f"Of the other figures {told}." if told else "Of the other figures none can be compared."


def _habit(
    chosen: str, short: str, cause: str, name: str, rate: Estimate, excess: Estimate, true: float | None
) -> list[str]:
    """Warn of a judge that clearly prefers answers more or less often by something else than their worth."""
    if not excess.excludes_zero or excess.value is None or true is None:
        return []
    more = "more" if excess.value > 0 else "less"
    return [
        f"The judge prefers {chosen} {more} often than it is better: {short} in {number(FIGURES[name], rate.value)} of "
        f"its decisions, and in {number(FIGURES[name], true)} of the true ones (difference "
        f"{number(FIGURES[name], excess.value, signed=True)}, 95 % interval "
        f"{interval(FIGURES[name], excess, signed=True)}). It judges answers by {cause} too."
    ]
