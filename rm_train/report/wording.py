"""How figures read: one place for the words and the digits, so that the page and the console say the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rm_train.evaluation.intervals import Estimate
from rm_train.evaluation.metrics import LOWER_IS_BETTER, Figures, Metrics

MINUS, NOTHING = "\N{MINUS SIGN}", "\N{EN DASH}"

SHARES = frozenset({"exact", "within_one", "valid", "reasons_right", "facts_right"})
"""Figures shown as percentages."""

LABELS = {
    "exact": ("Exact accuracy", "verdicts that are the true score"),
    "within_one": ("Within one", "verdicts at most one off"),
    "mean_absolute_error": ("Mean absolute error", "over valid verdicts; lower is better"),
    "spearman": ("Spearman", "rank correlation over valid verdicts"),
    "valid": ("Valid verdicts", "answers in the form that was asked for"),
    "reasons_right": ("Right reasons", "every fact stated, and rightly"),
    "facts_right": ("Right facts", "single facts stated rightly"),
}
"""Figure -> its name and what it is, in the order shown."""


@dataclass(frozen=True, slots=True)
class FigureRow:
    """One line of the table of figures, in words; `NOTHING` where there is nothing.

    Attributes:
        name: A key of `LABELS`.
        label: What the figure is called.
        meaning: What it is, in a few words.
        before: Before training.
        before_interval: Its 95 % interval, "" if there is none.
        after: After training.
        after_interval: Its 95 % interval, "" if there is none.
        change: After less before.
        change_interval: Its 95 % interval, "" if there is none.
        verdict: "better", "worse", "no clear change", or "" where nothing is compared.
    """

    name: str
    label: str
    meaning: str
    before: str
    before_interval: str
    after: str
    after_interval: str
    change: str
    change_interval: str
    verdict: str


def number(name: str, value: float | None, signed: bool = False) -> str:
    """Write a figure's value: a share as a percentage, a difference of shares in points, the rest with two digits."""
    if value is None:
        return NOTHING
    text = f"{value * 100:{'+' if signed else ''}.1f}" if name in SHARES else f"{value:{'+' if signed else ''}.2f}"
    if float(text) == 0:
        text = text.lstrip("+-")
    unit = "" if name not in SHARES else " points" if signed else " %"
    return text.replace("-", MINUS) + unit


def interval(name: str, estimate: Estimate, signed: bool = False) -> str:
    """Write a 95 % interval, without the unit; "" if there is none."""
    if estimate.low is None or estimate.high is None:
        return ""
    low, high = [
        number(name, bound, signed).removesuffix(" points").removesuffix(" %")
        for bound in (estimate.low, estimate.high)
    ]
    return f"{low} to {high}"


def verdict(name: str, change: Estimate) -> str:
    """Say whether a difference is an improvement that its interval supports; "" if there is none."""
    if change.value is None or change.low is None:
        return ""
    if not change.excludes_zero:
        return "no clear change"
    return "better" if (change.low > 0) != (name in LOWER_IS_BETTER) else "worse"


def figure_rows(before: Metrics | None, after: Metrics | None, change: Figures | None) -> Iterator[FigureRow]:
    """Yield the lines of the table of figures; those that neither side has (reasons without facts) are left out."""
    for name, (label, meaning) in LABELS.items():
        old, new = _of(before.figures if before else None, name), _of(after.figures if after else None, name)
        if old.n == 0 and new.n == 0:
            continue
        difference = _of(change, name)
        yield FigureRow(
            name,
            label,
            meaning,
            number(name, old.value),
            interval(name, old),
            number(name, new.value),
            interval(name, new),
            number(name, difference.value, signed=True),
            interval(name, difference, signed=True),
            verdict(name, difference),
        )


def headline(before: Metrics | None, after: Metrics | None, change: Figures | None) -> str:
    """Say in a sentence or two what came out: exact accuracy before and after, and the majority class beside it."""
    if before is None and after is None:
        return "This run has not been evaluated."
    if before is None or after is None:
        only, when = (after, "after") if after is not None else (before, "before")
        assert only is not None
        exact = only.figures.exact
        return (
            f"Exact accuracy {when} training is {number('exact', exact.value)} (95 % interval "
            f"{interval('exact', exact)}) on {only.rows:,} validation rows; the other side has not been evaluated. "
            f"{_majority(only)}"
        )
    start, end = number("exact", before.figures.exact.value), number("exact", after.figures.exact.value)
    if change is None:
        return (
            f"Exact accuracy was {start} before training and is {end} after it, on different rows. {_majority(after)}"
        )
    exact = change.exact
    moved = {"better": "rose", "worse": "fell"}.get(verdict("exact", exact), "did not clearly change: it went")
    return (
        f"Exact accuracy {moved} from {start} to {end}, by {number('exact', exact.value, signed=True)} (95 % interval "
        f"{interval('exact', exact, signed=True)}), on the same {after.rows:,} validation rows. {_majority(after)}"
    )


def _majority(metrics: Metrics) -> str:
    exact = metrics.figures.exact
    compared = ""
    if exact.low is not None and exact.low <= metrics.majority_share:
        compared = "; the judge is not clearly better than that"
    return (
        f"Always answering {metrics.majority_class}, their most common score, would be right on "
        f"{number('exact', metrics.majority_share)}{compared}."
    )


def _of(figures: Figures | None, name: str) -> Estimate:
    found: Estimate = getattr(figures, name) if figures is not None else Estimate(None, None, None, 0)
    return found
