"""The report's figures on the console, for whoever just waited for them."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from rm_train.evaluation.evaluate import Evaluation
from rm_train.report.build import Report
from rm_train.report.wording import LABELS, figure_rows, interval, number

_STYLES = {"better": "green", "worse": "red"}


def console_table(report: Report) -> Table:
    """Return the figures before and after training and their difference, with 95 % intervals in brackets."""
    before, after = (side.metrics if side else None for side in (report.before, report.after))
    # Text, not str: a title may hold brackets, which rich would read as markup.
    table = Table(title=Text(report.title), caption=Text(report.headline), title_justify="left", caption_justify="left")
    table.add_column("", no_wrap=True)
    for name in ("before", "after", "difference"):
        table.add_column(name, justify="right")
    for row in figure_rows(before, after, report.change):
        table.add_row(
            row.label,
            _cell(row.before, row.before_interval),
            _cell(row.after, row.after_interval),
            _cell(row.change, row.change_interval, _STYLES.get(row.verdict, "")),
        )
    return table


def evaluation_table(evaluation: Evaluation) -> Table:
    """Return the figures of one judge, with 95 % intervals in brackets."""
    metrics = evaluation.metrics
    left_out = f", {evaluation.skipped_too_long} left out as too long" if evaluation.skipped_too_long else ""
    table = Table(
        title=Text(f"{evaluation.model} on {metrics.rows} rows{left_out}, greedy, {evaluation.dtype}"),
        caption=Text(f"always answering {metrics.majority_class} would be exact in {metrics.majority_share:.1%}"),
        title_justify="left",
        caption_justify="left",
        show_header=False,
    )
    for name, (label, _) in LABELS.items():
        estimate = getattr(metrics.figures, name)
        table.add_row(label, _cell(number(name, estimate.value), interval(name, estimate)))
    return table


def _cell(value: str, interval: str, style: str = "") -> Text:
    text = Text(value, style=style)
    if interval:
        text.append(f"  [{interval}]", style="dim")
    return text
