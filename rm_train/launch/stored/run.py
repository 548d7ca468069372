"""A run's copy in object storage, as the launcher keeps it: what it takes from there, and what it leaves."""

from __future__ import annotations

import shutil
from pathlib import Path

from omegaconf import DictConfig
from rich.console import Console

from rm_train.launch.metrics_file import MetricsTail
from rm_train.launch.record import RunRecord
from rm_train.launch.run_folder import RunFolder
from rm_train.launch.stored.cluster import call
from rm_train.storage.errors import IncompleteError, StorageError
from rm_train.storage.fetch import fetch_bar
from rm_train.storage.run import REPLACED, StoredRun, store_checkpoint
from rm_train.storage.uri import join


def stored_at(config: DictConfig) -> str | None:
    """Return where a run is stored, under the name of its folder; None when it is not."""
    return join(config.storage, Path(config.run_dir).name) if config.get("storage") else None


class RunStorage:
    """A run and its copy. With `storage=null` there is none, and nothing is done."""

    def __init__(self, config: DictConfig, folder: RunFolder, console: Console) -> None:
        self._config, self._folder, self._console = config, folder, console
        self._uri = stored_at(config)

    def clear(self) -> None:
        """Remove the copy; raises `StorageError`."""
        if self._uri:
            StoredRun(self._uri).clear()

    def restore(self) -> None:
        """Fetch the run, if its copy is further than the run folder.

        Raises:
            StorageError: It cannot be fetched.
            OSError: The run folder cannot be written.
        """
        if not self._uri:
            return
        run, folder = StoredRun(self._uri), self._folder
        if not run.has_begun():
            return
        step = _newest(run)
        if folder.record.exists() and folder.trained_steps() >= step:
            return
        self._console.print(f"fetching the run from {self._uri}, stored after step {step}", soft_wrap=True)
        for name in REPLACED:
            shutil.rmtree(folder.path / name, ignore_errors=True)
        run.pull(folder.path)
        if RunRecord(folder.record).judge_steps() < self._config.steps:
            self._fetch(run, step)

    def before_training(self) -> None:
        """Bring storage, this machine and all nodes to the same step, the last one of which a checkpoint is whole.

        Raises:
            StorageError: It cannot be stored, or a node cannot fetch it.
        """
        if not self._uri:
            return
        run, here = StoredRun(self._uri), self._folder.trained_steps()
        step = _newest(run)
        if here > step and self._stored(here):
            step = here
        self._folder.go_on_from(step)
        run.push(self._folder.path)
        if self._joins:
            with self._console.status("every node fetches data and checkpoint"):
                call(self._config, "spread", **self._arguments, step=step)

    def after_training(self) -> None:
        """See to it that the last checkpoint is stored, and that all of it is here.

        Raises:
            StorageError: It could not be stored, now and before, or not be fetched.
        """
        if not self._uri:
            return
        run, last = StoredRun(self._uri), self._config.steps
        if self._joins:
            call(self._config, "gather", **self._arguments)
        self._tell_failures()
        if _newest(run) < last and not self._stored(last):
            raise StorageError(f"{self._uri}: checkpoint {last} is not whole on any node; train again with --fresh")
        self._fetch(run, last)

    def after_interrupt(self) -> None:
        """Store what an interrupted training has saved since its last checkpoint was stored; raises `StorageError`."""
        if not self._uri:
            return
        here = self._folder.trained_steps()
        if here > _newest(StoredRun(self._uri)):
            self._stored(here)
        self.push()

    def push(self) -> None:
        """Store all but the checkpoints; raises `StorageError`."""
        if self._uri:
            StoredRun(self._uri).push(self._folder.path)

    @property
    def _joins(self) -> bool:
        return str(self._config.ray_address) != "local"

    @property
    def _arguments(self) -> dict[str, str | None]:
        return {"uri": self._uri, "folder": str(self._folder.path)}

    def _stored(self, step: int) -> bool:
        """Store a checkpoint that nobody has stored yet; return False when a part of it is lost."""
        assert self._uri is not None
        with self._console.status(f"storing checkpoint {step}"):
            try:
                if self._joins:
                    call(self._config, "store", **self._arguments, step=step)
                else:
                    store_checkpoint(self._uri, self._folder.path, step)
            except IncompleteError as error:
                self._console.print(f"[yellow]warning:[/yellow] {error}", soft_wrap=True)
                return False
        return True

    def _fetch(self, run: StoredRun, step: int) -> None:
        if step:
            size = sum(content.size for content in run.checkpoints.files(step).values())
            with fetch_bar(self._console.is_terminal, f"checkpoint {step}", size) as advance:
                run.checkpoints.fetch(step, self._folder.checkpoint(step), advance)
        self._folder.go_on_from(step)

    def _tell_failures(self) -> None:
        measured = [metrics for path in sorted(self._folder.metrics.glob("*.jsonl"))[-1:]
                    for _, metrics in MetricsTail(path)()]  # fmt: skip
        if failed := max((metrics.get("storage/failed", 0) for metrics in measured), default=0):
            self._console.print(
                f"[yellow]warning:[/yellow] {failed:.0f} checkpoints could not be stored while training; why is in "
                f"{self._folder.log('train')}", soft_wrap=True
            )  # fmt: skip


def _newest(run: StoredRun) -> int:
    return max(run.checkpoints.steps(), default=0)
