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
    found += _habit("the answer shown first", "their place", figures.a_rate, figures.a_excess, truth.a)
    found += _habit("the longer answer", "their length", figures.longer_rate, figures.longer_excess, truth.longer)
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
    told = "; ".join(f"these {how}: {', '.join(names)}" for how, names in moves.items() if names)
    return f"Beside that, {told}." if told else "No other figure can be compared."


def _habit(chosen: str, cause: str, rate: Estimate, excess: Estimate, true: float | None) -> list[str]:
    """Warn of a judge that clearly decides for something more or less often than it is better."""
    if not excess.excludes_zero or rate.value is None or excess.value is None or true is None:
        return []
    words = FIGURES["a_excess"]
    # Without any habit, a judge that errs is nearer to a half than the truth is.
    errors = min(true, 0.5) <= rate.value <= max(true, 0.5)
    return [
        f"The judge decides for {chosen} in {number(FIGURES['a_rate'], rate.value)} of its decisions, and the truth in "
        f"{number(FIGURES['a_rate'], true)}: a difference of {number(words, excess.value, signed=True)} (95 % interval "
        f"{interval(words, excess, signed=True)}). "
        + (
            "Errors without any habit bring it nearer to a half, too."
            if errors
            else f"It judges answers by {cause}, too."
        )
    ]
