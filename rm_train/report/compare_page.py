"""The page and the console table of runs side by side."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from rm_train.report import charts as drawing
from rm_train.report.compare import Group, charts, headline, table_rows
from rm_train.report.page import page_environment


def render_comparison(groups: Sequence[Group]) -> str:
    """Return one self-contained HTML page."""
    return (
        page_environment()
        .get_template("compare.html.j2")
        .render(
            headline=headline(groups),
            drawing=drawing,
            groups=[(group, table_rows(group), charts(group)) for group in groups],
        )
    )


def comparison_table(group: Group) -> Table:
    """Return the runs of a group side by side, with 95 % intervals in brackets."""
    table = Table(
        title=Text(f"{group.kind} judges, before → after training"),
        caption=Text(" ".join(group.notes)),
        title_justify="left",
        caption_justify="left",
    )
    table.add_column("", no_wrap=True)
    for run in group.runs:
        table.add_column(Text(run.label), overflow="fold")
    for row in table_rows(group):
        cells = [cell if isinstance(cell, str) else f"{cell[0]}\n→ {cell[1]}" for cell in row.cells]
        table.add_row(Text(row.label), *map(Text, cells))
    return table
