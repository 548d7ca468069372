"""Where a run keeps what: one folder that is a function of its config, so that the same command finds it again."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


class RunBusyError(RuntimeError):
    """Another process works in the run folder."""


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The paths inside a run folder."""

    path: Path

    @property
    def data(self) -> Path:
        """The prepared rows: train.parquet, validation.parquet and their manifest."""
        return self.path / "data"

    @property
    def checkpoints(self) -> Path:
        """Where verl keeps its checkpoints, one folder for each step that was saved."""
        return self.path / "checkpoints"

    @property
    def model(self) -> Path:
        """The trained judge as a Hugging Face folder."""
        return self.path / "model"

    @property
    def record(self) -> Path:
        """What the run is: config, versions, seeds, data fingerprint, seconds."""
        return self.path / "run.json"

    def evaluation(self, side: str) -> Path:
        """The evaluation of the model `before` or `after` training."""
        return self.path / "evaluation" / side

    def log(self, name: str) -> Path:
        """The full output of one of the run's processes."""
        return self.path / "logs" / f"{name}.log"

    def next_metrics(self) -> Path:
        """A new file for the metrics of this attempt: verl empties the file it is given, even when it resumes."""
        folder = self.path / "metrics"
        folder.mkdir(parents=True, exist_ok=True)
        attempt = 1 + max((int(path.stem) for path in folder.glob("*.jsonl")), default=0)
        return folder / f"{attempt:04d}.jsonl"

    def trained_steps(self) -> int:
        """The step of the last whole checkpoint; 0 when there is none."""
        latest = self.checkpoints / "latest_checkpointed_iteration.txt"
        return int(latest.read_text()) if latest.is_file() else 0

    def actor(self, step: int) -> Path:
        """The policy in the checkpoint of a step, in shards."""
        return self.checkpoints / f"global_step_{step}" / "actor"

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the folder for one process; the lock ends with the process, however it ends.

        Raises:
            RunBusyError: Another process holds it.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        with (self.path / ".lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise RunBusyError(f"another process works in {self.path}; wait for it, or change the seed") from None
            yield

    def clear(self) -> None:
        """Remove all that earlier attempts left; call it while holding the lock."""
        for path in self.path.iterdir():
            if path.name == ".lock":
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
