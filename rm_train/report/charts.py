"""The geometry of the report's line charts: what the template draws as SVG, without a plotting library.

A chart library would be most of a megabyte in a page that must work from a mail attachment; five line charts need
round ticks, a path and a few marks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rm_train.report.curves import Points, smooth
from rm_train.report.numerals import MINUS

WIDTH, HEIGHT = 460, 230
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 12, 30
"""The drawing's size and margins, in its own units."""

_MOST_MARKS = 150
"""Points that get a mark to hover over; with more, marks would cover each other."""
_SMOOTH_FROM = 20
"""Points from which a noisy curve also gets its moving mean."""

_Scale = Callable[[float], float]


@dataclass(frozen=True, slots=True)
class Series:
    """Points to draw.

    Attributes:
        label: What they are.
        points: By step.
        style: A CSS class: "train" for a point per step, "validation" for few points that stand out.
    """

    label: str
    points: Points
    style: str = "train"


@dataclass(frozen=True, slots=True)
class Mark:
    """A point on the drawing, with what it says on hovering."""

    x: float
    y: float
    text: str


@dataclass(frozen=True, slots=True)
class Line:
    """One drawn line: `path` is SVG path data, `style` its CSS classes, `label` its entry in the legend."""

    path: str
    style: str
    label: str
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class Tick:
    """A place along an axis, in the drawing's units, and its label."""

    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Chart:
    """Everything the template needs; `lines` is empty if nothing was recorded."""

    title: str
    summary: str
    lines: tuple[Line, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    reference: Tick | None


def line_chart(
    title: str,
    series: Sequence[Series],
    steps: tuple[int, int],
    *,
    percent: bool = False,
    reference: tuple[float, str] | None = None,
) -> Chart:
    """Lay out a chart of values by step.

    Args:
        title: What the chart shows, with its unit.
        series: Those without points are left out.
        steps: First and last step of the run: all of its charts have the same axis.
        percent: Whether the values are shares of 0..1, shown as percentages; then the axis stays within 0..1.
        reference: A value to draw as a horizontal line, with its label.
    """
    drawn = [one for one in series if one.points]
    if not drawn:
        return Chart(title, "Not recorded.", (), (), (), None)
    values = [value for one in drawn for _, value in one.points] + ([reference[0]] if reference else [])
    y_values = _ticks_around(min(values), max(values), (0.0, 1.0) if percent else None)
    x_scale = _scale(*steps, LEFT, WIDTH - RIGHT)
    y_scale = _scale(y_values[0], y_values[-1], HEIGHT - BOTTOM, TOP)
    decimals = _decimals((y_values[1] - y_values[0]) * (100 if percent else 1))
    return Chart(
        title,
        " ".join(_summary(one, percent) for one in drawn),
        tuple(line for one in drawn for line in _lines(one, x_scale, y_scale, percent)),
        tuple(Tick(x_scale(step), str(step)) for step in _whole_ticks(*steps)),
        tuple(Tick(y_scale(value), _write(value, decimals, percent)) for value in y_values),
        Tick(y_scale(reference[0]), reference[1]) if reference else None,
    )


def mean_window(points: Points) -> int:
    """Return over how many neighbours the moving mean of a curve goes; 1 if it has too few points for one."""
    return 1 if len(points) < _SMOOTH_FROM else 2 * max(2, len(points) // 24) + 1


def _lines(series: Series, x_scale: _Scale, y_scale: _Scale, percent: bool) -> list[Line]:
    points = series.points
    marks = tuple(
        Mark(x_scale(step), y_scale(value), f"{series.label}, step {step}: {_write(value, 2 - percent, percent)}")
        for step, value in points
    )
    if len(points) > _MOST_MARKS:
        marks = ()
    path = _path(points, x_scale, y_scale)
    window = mean_window(points)
    if series.style != "train" or window == 1:
        return [Line(path, series.style, series.label, marks)]
    mean = _path(smooth(points, window), x_scale, y_scale)
    return [
        Line(path, f"{series.style} raw", series.label, marks),
        Line(mean, series.style, f"mean of {window} steps", ()),
    ]


def _summary(series: Series, percent: bool) -> str:
    (first, start), (last, end) = series.points[0], series.points[-1]
    return (
        f"{series.label}: {_write(start, 2 - percent, percent)} at step {first}, "
        f"{_write(end, 2 - percent, percent)} at step {last}."
    )


def _write(value: float, decimals: int, percent: bool) -> str:
    text = f"{value * (100 if percent else 1):.{decimals}f}"
    return (text.lstrip("-") if float(text) == 0 else text.replace("-", MINUS)) + (" %" if percent else "")


def _path(points: Points, x_scale: _Scale, y_scale: _Scale) -> str:
    return "M" + "L".join(f"{x_scale(step):.1f} {y_scale(value):.1f}" for step, value in points)


def _scale(low: float, high: float, start: float, end: float) -> _Scale:
    """Map `low`..`high` to `start`..`end`; a single value to the middle."""
    if high == low:
        return lambda value: (start + end) / 2
    return lambda value: start + (value - low) / (high - low) * (end - start)


def _ticks_around(low: float, high: float, bounds: tuple[float, float] | None) -> list[float]:
    """Return four to seven round values that enclose `low`..`high`, within `bounds`."""
    # A curve that hardly moves must not fill the chart with its rounding errors.
    least = 0.05 if bounds is not None else max(abs(low), abs(high)) * 0.02 or 1.0
    if high - low < least:
        low, high = (low + high - least) / 2, (low + high + least) / 2
    if bounds is not None:
        low, high = max(bounds[0], low), min(bounds[1], high)
    step = _round_step((high - low) / 4)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [tick * step for tick in range(first, last + 1)]


def _whole_ticks(low: int, high: int) -> list[int]:
    """Return up to seven round whole numbers of `low`..`high`; one at least."""
    if low == high:
        return [low]
    step = max(1, round(_round_step((high - low) / 6)))
    return list(range(math.ceil(low / step) * step, high + 1, step))


def _round_step(least: float) -> float:
    """Return the smallest of 1, 2 or 5 times a power of ten that is not less."""
    magnitude: float = 10.0 ** math.floor(math.log10(least))
    return next(factor * magnitude for factor in (1, 2, 5, 10) if factor * magnitude >= least * (1 - 1e-9))


def _decimals(step: float) -> int:
    return max(0, -math.floor(math.log10(step) + 1e-9))
