"""How figures read: one place for the words and the digits, so that the page and the console say the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rm_train.evaluation.intervals import UNDEFINED, Estimate
from rm_train.evaluation.kind import Measured
from rm_train.report.numerals import MINUS, NOTHING
from rm_train.report.view import View, Words


@dataclass(frozen=True, slots=True)
class FigureRow:
    """One line of the table of figures, in words; `NOTHING` where there is nothing.

    Attributes:
        name: The figure.
        label: What the figure is called.
        meaning: What it is, in a few words.
        before: Before training.
        before_interval: Its 95 % interval, "" if there is none.
        after: After training.
        after_interval: Its 95 % interval, "" if there is none.
        change: After less before.
        change_interval: Its 95 % interval, "" if there is none.
        verdict: "better", "worse", "changed", "no clear change", or "" where nothing is compared.
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


def number(words: Words, value: float | None, signed: bool = False) -> str:
    """Write a figure's value: a share as a percentage, a difference of shares in points, the rest with two digits."""
    if value is None:
        return NOTHING
    text = f"{value * 100:{'+' if signed else ''}.1f}" if words.percent else f"{value:{'+' if signed else ''}.2f}"
    if float(text) == 0:
        text = text.lstrip("+-")
    unit = "" if not words.percent else " points" if signed else " %"
    return text.replace("-", MINUS) + unit


def interval(words: Words, estimate: Estimate, signed: bool = False) -> str:
    """Write a 95 % interval, without the unit; "" if there is none."""
    if estimate.low is None or estimate.high is None:
        return ""
    low, high = [
        number(words, bound, signed).removesuffix(" points").removesuffix(" %")
        for bound in (estimate.low, estimate.high)
    ]
    return f"{low} to {high}"


def verdict(words: Words, change: Estimate) -> str:
    """Say whether a difference is an improvement that its interval supports; "" if there is none."""
    if change.value is None or change.low is None:
        return ""
    if not change.excludes_zero:
        return "no clear change"
    if words.better == "neither":
        return "changed"
    return "better" if (change.low > 0) == (words.better == "higher") else "worse"


def figure_rows(view: View, before: Measured | None, after: Measured | None, change: Any) -> Iterator[FigureRow]:  # noqa: ANN401
    """Yield the lines of the table of figures; those that neither side has (reasons without facts) are left out.

    Args:
        view: How the kind of judge is shown.
        before: The judge that training began with, if it was evaluated.
        after: The trained judge, if it was evaluated.
        change: The kind's figures after less before, if both judged the same rows.
    """
    for name, words in view.figures.items():
        old, new = (figure(side.figures if side else None, name) for side in (before, after))
        yield from _row(name, words, old, new, figure(change, name))


def part_rows(view: View, before: Measured | None, after: Measured | None) -> Iterator[FigureRow]:
    """Yield the main figure of both judges on each part of the rows."""
    sides = [view.parts(side) if side else {} for side in (before, after)]
    for name in {**sides[0], **sides[1]}:
        old, new = (side.get(name, ("", UNDEFINED)) for side in sides)
        words = Words(name, new[0] or old[0], view.main_words.percent)
        yield from _row(name, words, old[1], new[1], UNDEFINED)


def headline(view: View, before: Measured | None, after: Measured | None, change: Any) -> str:  # noqa: ANN401
    """Say in a sentence or two what came out: the main figure before and after, and a guess beside it."""
    words, main = view.main_words, view.main
    if before is None and after is None:
        return "This run has not been evaluated."
    if before is None or after is None:
        only, when = (after, "after") if after is not None else (before, "before")
        assert only is not None
        alone = figure(only.figures, main)
        return (
            f"{words.label} {when} training is {number(words, alone.value)} (95 % interval "
            f"{interval(words, alone)}) on {view.size(only)}; the other side has not been evaluated. "
            f"{_guessed(view, only)}"
        )
    start, end = (number(words, figure(side.figures, main).value) for side in (before, after))
    if change is None:
        return (
            f"{words.label} was {start} before training and is {end} after it, on different rows. "
            f"{_guessed(view, after)}"
        )
    moved = figure(change, main)
    how = {"better": "rose", "worse": "fell"}.get(verdict(words, moved), "did not clearly change: it went")
    return (
        f"{words.label} {how} from {start} to {end}, by {number(words, moved.value, signed=True)} (95 % interval "
        f"{interval(words, moved, signed=True)}), on the same {view.size(after)}. {_guessed(view, after)}"
    )


def figure(figures: object, name: str) -> Estimate:
    """Return a figure by its name; an undefined one where there are no figures."""
    found: Estimate = UNDEFINED if figures is None else getattr(figures, name)
    return found


def _row(name: str, words: Words, old: Estimate, new: Estimate, change: Estimate) -> Iterator[FigureRow]:
    if old.n == 0 and new.n == 0:
        return
    yield FigureRow(
        name,
        words.label,
        words.meaning,
        number(words, old.value, words.signed),
        interval(words, old, words.signed),
        number(words, new.value, words.signed),
        interval(words, new, words.signed),
        number(words, change.value, signed=True),
        interval(words, change, signed=True),
        verdict(words, change),
    )


def _guessed(view: View, metrics: Measured) -> str:
    guess, main = view.guess(metrics), figure(metrics.figures, view.main)
    compared = ""
    if main.low is not None and main.low <= guess.share:
        compared = "; the judge is not clearly better than that"
    return f"{guess.rule}{guess.aside} would be right on {number(view.main_words, guess.share)}{compared}."
