"""The report's figures on the console, for whoever just waited for them."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from rm_train.evaluation.evaluate import Evaluation
from rm_train.evaluation.intervals import Estimate
from rm_train.report.build import Report
from rm_train.report.view import Words
from rm_train.report.views import view_of
from rm_train.report.wording import figure, figure_rows, interval, number

_STYLES = {"better": "green", "worse": "red"}


def console_table(report: Report) -> Table:
    """Return the figures before and after training and their difference, with 95 % intervals in brackets."""
    before, after = (side.metrics if side else None for side in (report.before, report.after))
    # Text, not str: a title may hold brackets, which rich would read as markup.
    caption = Text(" ".join([report.headline, *report.remarks]))
    table = Table(title=Text(report.title), caption=caption, title_justify="left", caption_justify="left")
    table.add_column("", no_wrap=True)
    for name in ("before", "after", "difference"):
        table.add_column(name, justify="right")
    for row in figure_rows(report.view, before, after, report.change):
        table.add_row(
            row.label,
            figure_cell(row.before, row.before_interval),
            figure_cell(row.after, row.after_interval),
            figure_cell(row.change, row.change_interval, _STYLES.get(row.verdict, "")),
        )
    return table


def evaluation_table(evaluation: Evaluation) -> Table:
    """Return the figures of one judge, with 95 % intervals in brackets."""
    metrics, view = evaluation.metrics, view_of(evaluation.metrics)
    left_out = f", {evaluation.skipped_too_long} left out as too long" if evaluation.skipped_too_long else ""
    table = Table(
        title=Text(f"{evaluation.model} on {metrics.rows} rows{left_out}, greedy, {evaluation.dtype}"),
        caption=Text(view.caption(metrics)),
        title_justify="left",
        caption_justify="left",
        show_header=False,
    )
    for name, words in view.figures.items():
        _add(table, words.label, words, figure(metrics.figures, name))
    for name, (_, estimate) in view.parts(metrics).items():
        _add(table, f"{view.main_words.label}, {name.lower()}", view.main_words, estimate)
    return table


def figure_cell(value: str, interval: str, style: str = "") -> Text:
    """Return a figure with its interval in brackets."""
    text = Text(value, style=style)
    if interval:
        text.append(f"  [{interval}]", style="dim")
    return text


def _add(table: Table, label: str, words: Words, estimate: Estimate) -> None:
    table.add_row(
        label, figure_cell(number(words, estimate.value, words.signed), interval(words, estimate, words.signed))
    )
