"""Checkpoints go to object storage while the training goes on; it waits only where one is not there before the next.

verl's checkpoint callback is called between two steps, in the process of the trainer: an upload of minutes there would
leave all GPUs idle. So it runs in a thread, one at a time, and the shards are sent by their own nodes.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection
from pathlib import Path

from rm_train.storage.errors import StorageError
from rm_train.storage.run import StoredRun, store_checkpoint

logger = logging.getLogger(__name__)


class CheckpointUpload:
    """Stores checkpoints of one run, and removes those that are no longer kept.

    A checkpoint that cannot be stored does not stop the training: it is told, counted, and the next one tries again.
    Until then the last one that was stored stays.

    Args:
        uri: Where the run is stored.
        folder: The run folder.
        superseded: Returns which of some steps are no longer kept.
    """

    def __init__(self, uri: str, folder: Path, superseded: Callable[[Collection[int]], list[int]]) -> None:
        self._uri, self._folder, self._superseded = uri, folder, superseded
        self._thread: threading.Thread | None = None
        self._measures = {"storage/failed": 0.0}

    def begin(self, step: int) -> None:
        """Begin to store the checkpoint of a step; the last one must have ended."""
        self._thread = threading.Thread(target=self._store, args=(step,), name=f"store-{step}", daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Wait until no checkpoint is on its way."""
        began = time.monotonic()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
            self._measures["storage/waited_s"] = time.monotonic() - began

    def measures(self) -> dict[str, float]:
        """Return figures for verl's loggers: uploads that failed so far, and how long the last one took.

        `waited_s` is what the training waited for it.
        """
        return dict(self._measures)

    def _store(self, step: int) -> None:
        began = time.monotonic()
        try:
            size = store_checkpoint(self._uri, self._folder, step)
            run = StoredRun(self._uri)
            run.push_traces(self._folder)
            for old in self._superseded(run.checkpoints.steps()):
                run.checkpoints.remove(old)
            run.checkpoints.remove_unmarked(step)
        except (StorageError, OSError) as error:
            self._measures["storage/failed"] += 1
            logger.warning("checkpoint %d could not be stored, the next one tries again: %s", step, error)
        else:
            self._measures |= {"storage/upload_s": time.monotonic() - began, "storage/upload_bytes": float(size)}
