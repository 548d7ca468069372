"""How judges that compare two answers are shown."""

from __future__ import annotations

from rm_train.evaluation.intervals import Estimate
from rm_train.evaluation.pairwise.metrics import PairMetrics
from rm_train.report.pairwise.remarks import remarks
from rm_train.report.pairwise.samples import samples
from rm_train.report.pairwise.training import more_curves, more_plots
from rm_train.report.pairwise.words import FIGURES
from rm_train.report.view import Guess, View

_RULES = {
    "longer": ("Always preferring the longer answer", "always the longer answer"),
    "shorter": ("Always preferring the shorter answer", "always the shorter answer"),
    "tie": ("Always answering tie", "always a tie"),
}


def _size(metrics: PairMetrics) -> str:
    return f"{metrics.pairs:,} validation pairs"


def _guess(metrics: PairMetrics) -> Guess:
    rule, share = metrics.best_rule
    told, short = _RULES[rule]
    return Guess(told, "", short, share)


def _caption(metrics: PairMetrics) -> str:
    single = f"; {metrics.single_rows} rows without their other order" if metrics.single_rows else ""
    guess = _guess(metrics)
    return f"{metrics.pairs} pairs asked in both orders{single}; {guess.short} would be right on {guess.share:.1%}"


def _parts(metrics: PairMetrics) -> dict[str, tuple[str, Estimate]]:
    return {
        f"Strength {one.strength}" if one.strength else "Ties": (f"{one.pairs:,} pairs", one.both_right)
        for one in metrics.by_strength
    }


PAIRWISE_VIEW = View(
    figures=FIGURES,
    main="both_right",
    compared=("both_right", "accuracy", "consistent", "a_rate", "longer_rate", "valid"),
    size=_size,
    guess=_guess,
    caption=_caption,
    accuracy="Accuracy",
    samples=samples,
    truth="true preference",
    classes=("A", "B", "tie"),
    template="pairwise/samples.html.j2",
    remarks=remarks,
    parts=_parts,
    more_curves=more_curves,
    more_plots=more_plots,
)
