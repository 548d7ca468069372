"""A bar on the console while data is prepared: large files take minutes, and silence looks like a hang."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

Report = Callable[[int, int], None]
"""Takes the rows and the bytes read so far."""

_EVERY_ROWS = 500


class _RowsColumn(ProgressColumn):
    def render(self, task: Task) -> Text:
        rows: int = task.fields["rows"]
        rate = rows / task.elapsed if task.elapsed else 0.0
        return Text(f"{rows:,} rows, {rate:,.0f} rows/s")


@contextmanager
def progress_bar(shown: bool, name: str, total_bytes: int | None) -> Iterator[Report]:
    """Yield a function to report to; with `shown` false it does nothing. An unknown total gives a pulsing bar."""
    if not shown:
        yield lambda rows, read: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), _RowsColumn(), TimeRemainingColumn())
    with Progress(*columns) as bar:
        task = bar.add_task(name, total=total_bytes, rows=0)
        last = (0, 0)

        def report(rows: int, read: int) -> None:
            nonlocal last
            last = (rows, read)
            if rows % _EVERY_ROWS == 0:
                bar.update(task, completed=read, rows=rows)

        yield report
        rows, read = last
        bar.update(task, total=read, completed=read, rows=rows)
