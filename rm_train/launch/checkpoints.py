"""A run's checkpoints: one more when the run is asked to stop, and which are kept.

verl takes a callback for them (`trainer.checkpoint_callback_class`), which lives in the process of its trainer.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig
from verl.trainer.ppo.checkpoint_callback import CheckpointCallback

from rm_train.launch.metrics_file import MetricsTail
from rm_train.launch.run_folder import RunFolder
from rm_train.launch.stored import stored_at
from rm_train.storage.upload import CheckpointUpload

POLL_S = 0.5


class RunCheckpoints(CheckpointCallback):  # type: ignore[misc]
    """Keeps `keep_checkpoints` last checkpoints and with `keep_best` the best one; stops a run that is asked to.

    verl's own `max_actor_ckpt_to_keep` forgets what an earlier attempt at the run has saved.

    Args:
        config: The run's config, the same object that verl's trainer reads.
    """

    def __init__(self, config: DictConfig) -> None:
        super().__init__(config)
        self._folder = RunFolder(Path(config.run_dir))
        stored = stored_at(config)
        self._upload = CheckpointUpload(stored, self._folder.path, self._superseded) if stored else None
        threading.Thread(target=self._watch, name="stop-request", daemon=True).start()

    def _watch(self) -> None:
        """Let verl save the step that it works on and begin no other, once the run is asked to stop."""
        while not self._folder.stop_request.exists():
            time.sleep(POLL_S)
        # verl looks at both after every step.
        self.config.trainer.save_freq = 1
        self.config.trainer.total_epochs = 0

    def on_save(
        self,
        trainer: Any,  # noqa: ANN401 - verl's
        global_step: int,
        checkpoint_dir: str,
        async_save: bool = False,
        **kwargs: object,
    ) -> None:
        """Remove the checkpoints that are not kept, and begin to store the new one."""
        if self._upload is not None:
            self._upload.wait()  # what it sends must not go
        for step in self._superseded(self._folder.checkpoint_steps()):
            shutil.rmtree(self._folder.checkpoint(step))
        if self._upload is not None:
            self._upload.begin(global_step)
            if self._ends_after(global_step):
                self._upload.wait()  # this process ends soon
            trainer.logger.log(data=self._upload.measures(), step=global_step)

    def _superseded(self, steps: Collection[int]) -> list[int]:
        keep, best = self.config.keep_checkpoints, self.config.keep_best
        return superseded(steps, validation_accuracy(self._folder), keep, keep_best=best)

    def _ends_after(self, step: int) -> bool:
        trainer = self.config.trainer
        return bool(step >= trainer.total_training_steps or trainer.total_epochs == 0)


def superseded(
    steps: Collection[int], accuracy: Mapping[int, float], keep_last: int | None, *, keep_best: bool
) -> list[int]:
    """Return the steps whose checkpoints can go.

    Args:
        steps: The steps that have a checkpoint.
        accuracy: The validation accuracy after each step that was validated.
        keep_last: How many of the last ones stay; all of them if None.
        keep_best: Whether the one with the highest accuracy stays too, of equal ones the last.
    """
    if keep_last is None:
        return []
    kept = set(sorted(steps)[-keep_last:])
    measured = [step for step in steps if step in accuracy]
    if keep_best and measured:
        kept.add(max(measured, key=lambda step: (accuracy[step], step)))
    return sorted(set(steps) - kept)


def validation_accuracy(folder: RunFolder) -> dict[int, float]:
    """Return the accuracy of each validation that verl has logged, by step; the mean over the data sources."""
    accuracy: dict[int, float] = {}
    for path in sorted(folder.metrics.glob("*.jsonl")):
        for step, metrics in MetricsTail(path)():
            if values := _accuracies(metrics):
                accuracy[step] = sum(values) / len(values)
    return accuracy


def _accuracies(metrics: Mapping[str, Any]) -> list[float]:
    return [value for key, value in metrics.items() if key.startswith("val-core/") and "/acc/mean@" in key]
