"""The page a person looks at: one HTML file that holds everything it shows.

It goes by mail and is opened without a network, and it shows text that models wrote. So nothing is loaded from
elsewhere, no script runs, and every value is escaped by the template engine; none is marked as safe.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from rm_train.evaluation.kind import Measured
from rm_train.report import charts as drawing
from rm_train.report.build import Report, charts
from rm_train.report.numerals import duration
from rm_train.report.run_data import Side, mapping, seconds_of
from rm_train.report.view import View
from rm_train.report.wording import figure, figure_rows, interval, number, part_rows

_LONG_TEXT = 700
"""Characters from which a judged text is folded away."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A share with its interval, in percent of the whole width."""

    label: str
    value: float
    low: float
    high: float
    text: str


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a confusion matrix: how often, and in which share (0 to 1) of its row."""

    count: int
    share: float
    kind: str


@dataclass(frozen=True, slots=True)
class Matrix:
    """A confusion matrix: one row of cells for each thing that may be true, and the rows' totals."""

    label: str
    rows: list[tuple[str, list[Cell], int]]


def page_environment() -> Environment:
    """Return the template engine of this room's pages: all values are escaped, and a missing one is an error."""
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render_page(report: Report) -> str:
    """Return the page as HTML."""
    view = report.view
    sides = {"before training": report.before, "after training": report.after}
    present = {label: side for label, side in sides.items() if side is not None}
    before, after = (side.metrics if side else None for side in (report.before, report.after))
    shown = after or before
    return (
        page_environment()
        .get_template("page.html.j2")
        .render(
            report=report,
            view=view,
            synthetic=mapping(report.facts.get("data")).get("synthetic") is True,
            notes=[*report.remarks, *(str(note) for note in report.facts.get("notes") or [])],
            guess=None if shown is None else view.guess(shown),
            bars=[_bar(view, label, side.metrics) for label, side in present.items()],
            figures=list(figure_rows(view, before, after, report.change)),
            parts=list(part_rows(view, before, after)),
            charts=charts(report),
            drawing=drawing,
            matrices=[_matrix(view, label, side.metrics) for label, side in present.items()],
            long_text=_LONG_TEXT,
            fact_groups=_fact_groups(report.facts, present),
            command=report.facts.get("command"),
        )
    )


def _bar(view: View, label: str, metrics: Measured) -> Bar:
    words, main = view.main_words, figure(metrics.figures, view.main)
    value, low, high = (100 * (bound or 0.0) for bound in (main.value, main.low, main.high))
    return Bar(label, value, low, high, f"{number(words, main.value)} ({interval(words, main)})")


def _matrix(view: View, label: str, metrics: Measured) -> Matrix:
    rows = []
    for target, counts in enumerate(metrics.confusion):
        total = sum(counts)
        cells = [
            Cell(count, count / total if total else 0.0, _kind(target, column, len(view.classes)))
            for column, count in enumerate(counts)
        ]
        rows.append((view.classes[target], cells, total))
    return Matrix(label, rows)


def _kind(target: int, column: int, classes: int) -> str:
    return "invalid" if column == classes else "right" if column == target else "wrong"


def _fact_groups(facts: Mapping[str, Any], sides: Mapping[str, Side]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return headed lists of names and values; groups without any are left out."""
    names = ("task", "recipe", "base_model", "steps", "seed", "dtype", "hardware")
    seconds = seconds_of(facts)
    times = [(name, duration(value)) for name, value in seconds.items()]
    groups = [
        ("Run", [(name.replace("_", " "), str(facts[name])) for name in names if facts.get(name) is not None]),
        ("Data", _flat(mapping(facts.get("data")))),
        ("Time", [*times, ("all", duration(sum(seconds.values())))] if times else []),
        ("Versions", _flat(mapping(facts.get("versions")))),
        *((f"Evaluation {label}", _flat(side.settings)) for label, side in sides.items()),
    ]
    return [(title, entries) for title, entries in groups if entries]


def _flat(content: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    entries: list[tuple[str, str]] = []
    for name, value in content.items():
        label = f"{prefix}{name}".replace("_", " ")
        if isinstance(value, Mapping):
            entries += _flat(value, f"{label}, ")
        elif value is not None:
            shown = {True: "yes", False: "no"}[value] if isinstance(value, bool) else value
            entries.append((label, f"{shown:.1f}" if isinstance(shown, float) else str(shown)))
    return entries
