"""How judges that rate one answer are shown."""

from __future__ import annotations

from rm_train.evaluation.pointwise.metrics import CLASSES, Metrics
from rm_train.report.pointwise.samples import samples
from rm_train.report.view import Guess, View, Words

_FIGURES = {
    "exact": Words("Exact accuracy", "verdicts that are the true score"),
    "within_one": Words("Within one", "verdicts at most one off"),
    "mean_absolute_error": Words(
        "Mean absolute error", "over valid verdicts; lower is better", percent=False, better="lower"
    ),
    "spearman": Words("Spearman", "rank correlation over valid verdicts", percent=False),
    "valid": Words("Valid verdicts", "answers in the form that was asked for"),
    "reasons_right": Words("Right reasons", "every fact stated, and rightly"),
    "facts_right": Words("Right facts", "single facts stated rightly"),
}


def _size(metrics: Metrics) -> str:
    return f"{metrics.rows:,} validation rows"


def _guess(metrics: Metrics) -> Guess:
    return Guess(
        f"Always answering {metrics.majority_class}",
        ", their most common score,",
        "always the most common score",
        metrics.majority_share,
    )


def _caption(metrics: Metrics) -> str:
    return f"always answering {metrics.majority_class} would be exact in {metrics.majority_share:.1%}"


POINTWISE_VIEW = View(
    figures=_FIGURES,
    main="exact",
    compared=("exact", "mean_absolute_error", "spearman", "valid"),
    size=_size,
    guess=_guess,
    caption=_caption,
    accuracy="Exact accuracy",
    samples=samples,
    truth="true score",
    classes=[str(score) for score in range(CLASSES)],
    template="pointwise/samples.html.j2",
)
