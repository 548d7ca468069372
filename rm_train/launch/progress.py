"""What the console shows while verl trains: a bar fed by verl's own metrics file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from rm_train.launch.metrics_file import MetricsTail


class TrainingBar:
    """Steps done, reward, accuracy, seconds a step and time left; one line a step where there is no terminal."""

    def __init__(self, console: Console, metrics: Path, done: int, steps: int) -> None:
        self._console = console
        self._tail = MetricsTail(metrics)
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[figures]}"),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("starting verl", total=steps, completed=done, figures="")
        self._steps = steps

    @contextmanager
    def shown(self) -> Iterator[TrainingBar]:
        """Show the bar for as long as the block runs."""
        with self._bar:
            yield self

    def update(self) -> None:
        """Show what verl has logged since the last call."""
        for step, metrics in self._tail():
            if "timing_s/step" not in metrics:
                continue  # the validation before the first step
            figures = (
                f"reward {metrics.get('reward/score/mean', float('nan')):+.3f}"
                f" · accuracy {metrics.get('reward/acc/mean', float('nan')):.0%}"
                f" · {metrics['timing_s/step']:.1f} s/step"
            )
            self._bar.update(self._task, completed=step, figures=figures, description="training")
            if not self._console.is_terminal:
                self._console.print(f"step {step}/{self._steps} · {figures}")
