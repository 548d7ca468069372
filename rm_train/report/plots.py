"""Which curves are drawn together, and under which title: the same in the report of a run and beside other runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rm_train.report.charts import Chart, Series, line_chart
from rm_train.report.curves import Points

Curves = Mapping[str, Points]
"""What is drawn -> its points; empty where nothing was recorded."""


@dataclass(frozen=True, slots=True)
class Plot:
    """What one chart shows.

    Attributes:
        title: What it is, with its unit.
        label: What the curve of training is.
        curve: The curve of training.
        validation: The same of validation, drawn as points; None if there is no such thing.
        percent: Whether the values are shares of 0..1.
        reference: A value to compare with, and what it is.
        always: Whether the chart is there, saying so, where nothing was recorded.
    """

    title: str
    label: str
    curve: str
    validation: str | None = None
    percent: bool = False
    reference: tuple[float, str] | None = None
    always: bool = True

    def recorded(self, curves: Curves) -> bool:
        """Whether there is anything to draw."""
        return bool(curves[self.curve] or (self.validation and curves[self.validation]))


def drawn(plots: list[Plot], curves: Curves) -> list[Chart]:
    """Draw the plots of a run, all with the same axis of steps."""
    steps = step_range(curves)
    charts = []
    for plot in plots:
        if not plot.always and not plot.recorded(curves):
            continue
        series = [Series(plot.label, curves[plot.curve])]
        if plot.validation is not None:
            series.append(Series("validation, greedy", curves[plot.validation], "validation"))
        charts.append(line_chart(plot.title, series, steps, percent=plot.percent, reference=plot.reference))
    return charts


def step_range(curves: Curves) -> tuple[int, int]:
    """Return the first and the last step of which anything was recorded."""
    every = [step for points in curves.values() for step, _ in points]
    return min(every, default=0), max(every, default=0)
