"""Progress bars of batches: one for each reward, and the rewards of a composition below each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from typing_extensions import Self

if TYPE_CHECKING:
    from rich.progress import Progress


class Bars:
    """Bars on the terminal, or nothing at all.

    Args:
        shown: Whether there are any.
    """

    def __init__(self, shown: bool) -> None:
        self._progress: Progress | None = None
        if shown:
            from rich.progress import Progress

            self._progress = Progress()

    def __enter__(self) -> Self:
        """Show the bars."""
        if self._progress:
            self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave them as they are."""
        if self._progress:
            self._progress.stop()

    def add(self, name: str, total: int) -> Callable[[int], None]:
        """Add a bar, and return what tells it how many more are done."""
        if self._progress is None:
            return lambda _: None
        progress, task = self._progress, self._progress.add_task(name, total=total)
        return lambda more: progress.advance(task, more)
