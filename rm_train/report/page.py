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

from rm_train.evaluation.metrics import CLASSES, Metrics
from rm_train.report import charts as drawing
from rm_train.report.build import Report, charts
from rm_train.report.run_data import Side
from rm_train.report.samples import WANTED
from rm_train.report.wording import figure_rows, interval, number

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
    """A confusion matrix: one row of cells for each true score, and the rows' totals."""

    label: str
    rows: list[tuple[int, list[Cell], int]]


def render_page(report: Report) -> str:
    """Return the page as HTML."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    sides = {"before training": report.before, "after training": report.after}
    present = {label: side for label, side in sides.items() if side is not None}
    before, after = (side.metrics if side else None for side in (report.before, report.after))
    shown = after or before
    return environment.get_template("page.html.j2").render(
        report=report,
        synthetic=_mapping(report.facts.get("data")).get("synthetic") is True,
        notes=[str(note) for note in report.facts.get("notes") or []],
        majority=None if shown is None else (shown.majority_class, shown.majority_share * 100),
        bars=[_bar(label, side.metrics) for label, side in present.items()],
        figures=list(figure_rows(before, after, report.change)),
        charts=charts(report),
        drawing=drawing,
        matrices=[_matrix(label, side.metrics) for label, side in present.items()],
        scores=range(CLASSES),
        changes=list(WANTED),
        long_text=_LONG_TEXT,
        fact_groups=_fact_groups(report.facts, present),
        command=report.facts.get("command"),
    )


def _bar(label: str, metrics: Metrics) -> Bar:
    exact = metrics.figures.exact
    value, low, high = (100 * (bound or 0.0) for bound in (exact.value, exact.low, exact.high))
    return Bar(label, value, low, high, f"{number('exact', exact.value)} ({interval('exact', exact)})")


def _matrix(label: str, metrics: Metrics) -> Matrix:
    rows = []
    for target, counts in enumerate(metrics.confusion):
        total = sum(counts)
        cells = [
            Cell(count, count / total if total else 0.0, _kind(target, column)) for column, count in enumerate(counts)
        ]
        rows.append((target, cells, total))
    return Matrix(label, rows)


def _kind(target: int, column: int) -> str:
    return "invalid" if column == CLASSES else "right" if column == target else "wrong"


def _fact_groups(facts: Mapping[str, Any], sides: Mapping[str, Side]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return headed lists of names and values; groups without any are left out."""
    names = ("task", "recipe", "base_model", "steps", "seed", "dtype", "hardware")
    seconds = {str(name): value for name, value in _mapping(facts.get("seconds")).items() if _is_number(value)}
    times = [(name, _duration(value)) for name, value in seconds.items()]
    groups = [
        ("Run", [(name.replace("_", " "), str(facts[name])) for name in names if facts.get(name) is not None]),
        ("Data", _flat(_mapping(facts.get("data")))),
        ("Time", [*times, ("all", _duration(sum(seconds.values())))] if times else []),
        ("Versions", _flat(_mapping(facts.get("versions")))),
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


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
