"""Finished runs side by side: what was trained on what, what came of it, and the curves over each other.

A comparison invites to see a cause in every difference. So runs of different kinds of judges stand apart, and where the
rows, the training data or the way of judging differ, that is said above the figures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rm_train.report.build import Report, build_report, plots_of
from rm_train.report.charts import Chart, Series, line_chart, mean_window
from rm_train.report.curves import Points, smooth
from rm_train.report.numerals import duration
from rm_train.report.plots import step_range
from rm_train.report.run_data import Side, mapping, read_run, seconds_of
from rm_train.report.view import View
from rm_train.report.views import VIEWS
from rm_train.report.wording import figure, interval, number

MOST_RUNS = 8
"""More colors cannot be told apart in a chart."""

_SHORT = 12
"""Digits of a fingerprint that are shown."""


class CompareError(ValueError):
    """The runs cannot be compared; the message names the one and says why."""


@dataclass(frozen=True, slots=True)
class Run:
    """One finished run.

    Attributes:
        label: What it is called beside the others.
        report: What its own report says.
        before: The judge that training began with.
        after: The trained judge.
    """

    label: str
    report: Report
    before: Side
    after: Side


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: what it is, and a cell for each run; a figure's cells are before and after."""

    label: str
    meaning: str
    cells: tuple[str | tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Runs of one kind of judge.

    Attributes:
        kind: The kind.
        runs: The runs, in the order given.
        notes: Why differences between them may have another cause than what was trained, in sentences.
    """

    kind: str
    runs: tuple[Run, ...]
    notes: tuple[str, ...]

    @property
    def view(self) -> View:
        """How this kind of judge is shown."""
        return VIEWS[self.kind]


def compare_runs(folders: Sequence[Path]) -> list[Group]:
    """Read finished runs, and put those of each kind of judge together.

    Raises:
        FileNotFoundError: One is no run folder.
        ValueError: A file is broken.
        CompareError: A run is not finished, or there are too few or too many.
    """
    if not 2 <= len(folders) <= MOST_RUNS:
        raise CompareError(f"name 2 to {MOST_RUNS} run folders, not {len(folders)}")
    resolved = [folder.resolve() for folder in folders]
    if twice := next((folder for folder in folders if resolved.count(folder.resolve()) > 1), None):
        raise CompareError(f"{twice} is named twice")
    names = [folder.name for folder in resolved]
    labels = [name if names.count(name) == 1 else str(folder) for name, folder in zip(names, folders, strict=True)]
    runs = [_finished(folder, label) for folder, label in zip(folders, labels, strict=True)]
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(run.report.kind, []).append(run)
    return [Group(kind, tuple(members), tuple(_notes(members))) for kind, members in groups.items()]


def headline(groups: Sequence[Group]) -> str:
    """Say what is compared."""
    told = " and ".join(f"{len(group.runs)} of {group.kind} judges" for group in groups)
    if len(groups) == 1:
        return f"Runs: {told}."
    return f"Runs of different kinds: {told}. Their figures mean different things, so each kind stands by itself."


def table_rows(group: Group) -> list[Row]:
    """Return the lines of the table of a group."""
    found = [Row(label, meaning, tuple(map(read, group.runs))) for label, meaning, read in _FACTS]
    for name in group.view.compared:
        words = group.view.figures[name]
        cells = tuple((_cell(group.view, name, run.before), _cell(group.view, name, run.after)) for run in group.runs)
        found.append(Row(words.label, words.meaning, cells))
    return found


def charts(group: Group) -> list[Chart]:
    """Return the charts of a group: each curve of all its runs, as a moving mean where it has enough points."""
    ranges = [step_range(run.report.curves) for run in group.runs]
    steps = (min(first for first, _ in ranges), max(last for _, last in ranges))
    found = []
    for plot in plots_of(group.view, None):
        # Validations are few and far between: their points stand out.
        curves = [(plot.title, plot.curve, "run")]
        if plot.validation is not None:
            curves.append((f"{plot.title}, validation", plot.validation, "run points"))
        for title, name, style in curves:
            series = [
                Series(run.label, _mean(run.report.curves[name]), f"{style} run-{place}")
                for place, run in enumerate(group.runs)
            ]
            if any(one.points for one in series):
                found.append(line_chart(title, series, steps, percent=plot.percent))
    return found


def as_json(groups: Sequence[Group]) -> dict[str, Any]:
    """Return the comparison as plain JSON values."""
    return {
        "headline": headline(groups),
        "groups": [
            {"kind": group.kind, "notes": list(group.notes), "runs": [_run_as_json(run) for run in group.runs]}
            for group in groups
        ],
    }


def _finished(folder: Path, label: str) -> Run:
    report = build_report(read_run(folder))
    if report.before is None or report.after is None or report.change is None:
        raise CompareError(f"{folder} is not finished: {' '.join(report.missing)}")
    trained, steps = report.facts.get("judge_steps"), report.facts.get("steps")
    if isinstance(trained, int) and isinstance(steps, int) and trained < steps:
        raise CompareError(f"{folder} is not finished: its judge was trained for {trained} of {steps} steps")
    return Run(label, report, report.before, report.after)


def _notes(runs: Sequence[Run]) -> list[str]:
    """Say in which respects the runs differ that make their figures hard to compare."""
    found = []
    if rows := _different(runs, lambda run: str(run.after.settings.get("data_sha256"))[:_SHORT]):
        found.append(f"These runs were measured on different validation rows, whose figures do not compare: {rows}.")
    if data := _different(runs, _fingerprint):
        found.append(f"They were trained on different data: {data}.")
    for name in ("dtype", "max_new_tokens", "limit"):
        if how := _different(runs, lambda run, name=name: str(run.after.settings.get(name))):  # type: ignore[misc]
            found.append(f"Their judges were not asked in the same way ({name.replace('_', ' ')}): {how}.")
    return found


def _different(runs: Sequence[Run], read: Callable[[Run], str]) -> str:
    """Return which runs have which value; "" if all have the same."""
    values: dict[str, list[str]] = {}
    for run in runs:
        values.setdefault(read(run), []).append(run.label)
    return (
        "; ".join(f"{value or 'unknown'} in {', '.join(labels)}" for value, labels in values.items())
        if len(values) > 1
        else ""
    )


def _fact(name: str) -> Callable[[Run], str]:
    return lambda run: str(run.report.facts.get(name, ""))


def _fingerprint(run: Run) -> str:
    return str(mapping(run.report.facts.get("data")).get("fingerprint", ""))[:_SHORT]


_FACTS: Sequence[tuple[str, str, Callable[[Run], str]]] = (
    ("Task", "", _fact("task")),
    ("Recipe", "the training reward", _fact("recipe")),
    ("Data", "", lambda run: str(mapping(run.report.facts.get("data")).get("name", ""))),
    ("Data fingerprint", "", _fingerprint),
    ("Base model", "", _fact("base_model")),
    ("Steps", "", _fact("steps")),
    ("Seed", "", _fact("seed")),
    ("Time", "of all phases", lambda run: duration(sum(seconds_of(run.report.facts).values()))),
)


def _cell(view: View, name: str, side: Side) -> str:
    words, estimate = view.figures[name], figure(side.metrics.figures, name)
    bounds = interval(words, estimate, words.signed)
    return number(words, estimate.value, words.signed) + (f" [{bounds}]" if bounds else "")


def _mean(points: Points) -> Points:
    return smooth(points, mean_window(points))


def _run_as_json(run: Run) -> dict[str, Any]:
    facts, view = run.report.facts, run.report.view
    return {
        "label": run.label,
        "folder": str(run.report.folder),
        "headline": run.report.headline,
        **{name: facts.get(name) for name in ("task", "recipe", "base_model", "steps", "seed", "data", "seconds")},
        "evaluation": run.after.settings,
        "figures": {
            name: {
                side: asdict(figure(figures, name))
                for side, figures in (
                    ("before", run.before.metrics.figures),
                    ("after", run.after.metrics.figures),
                    ("change", run.report.change),
                )
            }
            for name in view.compared
        },
        "curves": run.report.curves,
    }
