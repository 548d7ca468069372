"""Where a run keeps what: one folder that is a function of its config, so that the same command finds it again."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rm_train.files import atomic_write_text

_TRACKER = "latest_checkpointed_iteration.txt"


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

    @property
    def metrics(self) -> Path:
        """The metrics that verl logs, a file for each attempt at the run."""
        return self.path / "metrics"

    @property
    def stop_request(self) -> Path:
        """A file that asks the run to stop after the step it works on; `touch` it from anywhere."""
        return self.path / "stop"

    def evaluation(self, side: str) -> Path:
        """The evaluation of the model `before` or `after` training."""
        return self.path / "evaluation" / side

    def log(self, name: str) -> Path:
        """The full output of one of the run's processes."""
        return self.path / "logs" / f"{name}.log"

    def next_metrics(self) -> Path:
        """A name for the metrics of a new attempt: verl empties the file it is given, even when it resumes."""
        attempt = 1 + max((int(path.stem) for path in self.metrics.glob("*.jsonl")), default=0)
        return self.metrics / f"{attempt:04d}.jsonl"

    def checkpoint(self, step: int) -> Path:
        """Where verl keeps the checkpoint of a step."""
        return self.checkpoints / f"global_step_{step}"

    def actor(self, step: int) -> Path:
        """The policy in the checkpoint of a step, in shards."""
        return self.checkpoint(step) / "actor"

    def checkpoint_steps(self) -> list[int]:
        """The steps that have a checkpoint, whole or not."""
        return sorted(int(path.name.rpartition("_")[2]) for path in self.checkpoints.glob("global_step_*"))

    def trained_steps(self) -> int:
        """The step of the last whole checkpoint; 0 when there is none."""
        tracker = self.checkpoints / _TRACKER
        text = tracker.read_text().strip() if tracker.is_file() else ""
        if text.isdigit() and self.checkpoint(int(text)).is_dir():
            return int(text)
        # verl writes the tracker when a checkpoint is whole, in place: a kill in between leaves it empty. The last file
        # of a checkpoint is the state of the data loader.
        whole = [step for step in self.checkpoint_steps() if (self.checkpoint(step) / "data.pt").is_file()]
        return max(whole, default=0)

    def mend_tracker(self) -> None:
        """Let verl find the last whole checkpoint."""
        self._track(self.trained_steps())

    def go_on_from(self, step: int) -> None:
        """Let verl go on from a step, 0 for the beginning: later checkpoints, of which a part is lost, are removed."""
        for later in self.checkpoint_steps():
            if later > step:
                shutil.rmtree(self.checkpoint(later))
        self._track(step)

    def _track(self, step: int) -> None:
        tracker = self.checkpoints / _TRACKER
        if step:
            atomic_write_text(tracker, str(step))
        else:
            tracker.unlink(missing_ok=True)

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
