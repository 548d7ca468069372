"""What differs between kinds of judges in a report: the words, some curves and the judgments that are shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rm_train.evaluation.intervals import Estimate
from rm_train.report.curves import Points, Steps
from rm_train.report.plots import Plot


@dataclass(frozen=True, slots=True)
class Words:
    """How a figure is told.

    Attributes:
        label: What it is called.
        meaning: What it is, in a few words.
        percent: Whether it is a share, shown as a percentage.
        better: Which way it improves: some figures tell a habit, which is neither good nor bad by itself.
        signed: Whether the figure itself is a difference.
    """

    label: str
    meaning: str
    percent: bool = True
    better: Literal["higher", "lower", "neither"] = "higher"
    signed: bool = False


@dataclass(frozen=True, slots=True)
class Guess:
    """What reaches a share of the main figure without reading anything.

    Attributes:
        rule: What it does, such as "Always answering 2".
        aside: What else is to be said of it, between commas; "" if nothing is.
        short: The same for the legend of a chart.
        share: How often that is right, 0 to 1.
    """

    rule: str
    aside: str
    short: str
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """How a kind of judge is shown. The functions take the metrics and judged rows of that kind.

    Attributes:
        figures: Figure -> its words, in the order shown.
        main: The figure that the headline is about.
        compared: The figures that stand for a run beside others.
        size: Returns over how much the main figure is, such as "1,200 validation rows".
        guess: Returns what is right most often without reading.
        caption: Returns what is said below a judge's figures.
        accuracy: What the parts of a reward call accuracy, as a title.
        samples: Returns how many rows or pairs changed how, and some of each; takes both judges' rows.
        truth: What a line of the confusion matrix is.
        classes: The names of its lines and, but for the last one, its columns.
        template: The part of the page that only this kind has, with the samples.
        remarks: Returns what else a reader must know of the last judge, in sentences; takes the change, too, if any.
        parts: Returns the main figure on parts of the rows: name of the part -> its size in words, and the figure.
        more_curves: Returns the curves that only this kind has.
        more_plots: Returns how they are drawn; takes the last judge's metrics, or None.
    """

    figures: Mapping[str, Words]
    main: str
    compared: Sequence[str]
    size: Callable[[Any], str]
    guess: Callable[[Any], Guess]
    caption: Callable[[Any], str]
    accuracy: str
    samples: Callable[[Sequence[Any], Sequence[Any]], tuple[dict[str, int], list[Any]]]
    truth: str
    classes: Sequence[str]
    template: str
    remarks: Callable[[Any, Any], list[str]] = lambda metrics, change: []
    parts: Callable[[Any], dict[str, tuple[str, Estimate]]] = lambda metrics: {}
    more_curves: Callable[[Steps], dict[str, Points]] = lambda steps: {}
    more_plots: Callable[[Any], list[Plot]] = lambda metrics: []

    @property
    def main_words(self) -> Words:
        """The words of the main figure."""
        return self.figures[self.main]
