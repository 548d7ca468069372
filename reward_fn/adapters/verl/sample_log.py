"""What was scored and why, a file for each training step: verl keeps numbers only.

Every process writes files of its own, `step_000012.HOST-PID.jsonl`, so none waits for another.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


class LogSettings(BaseModel):
    """Where the files go, and how much of them stays."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    folder: Path = Field(description="the folder of the files; it is made")
    keep_steps: int = Field(default=50, ge=1, description="files of older steps go")
    max_mb: float = Field(default=16, gt=0, description="a step's file ends there; the last line says so")


class SampleLog:
    """Appends lines to the file of their step."""

    def __init__(self, settings: LogSettings) -> None:
        self._settings = settings
        self._left: dict[int, int] = {}
        """The bytes that a step's file may still take; nothing, once it is full."""
        settings.folder.mkdir(parents=True, exist_ok=True)
        self._process = f"{socket.gethostname()}-{os.getpid()}"

    def write(self, step: int, line: Mapping[str, object]) -> None:
        """Add a line to the file of a step, as long as there is room in it."""
        if step not in self._left:
            self._left[step] = int(self._settings.max_mb * 1e6)
            self._forget()
        if self._left[step] <= 0:
            return
        text = json.dumps(line, ensure_ascii=False) + "\n"
        self._left[step] -= len(text.encode())
        if self._left[step] <= 0:
            text = json.dumps({"full": f"the file is as long as max_mb={self._settings.max_mb:g} lets it be"}) + "\n"
        with self._path(step).open("a", encoding="utf-8") as file:
            file.write(text)

    def _path(self, step: int) -> Path:
        return self._settings.folder / f"step_{step:06d}.{self._process}.jsonl"

    def _forget(self) -> None:
        for step in sorted(self._left)[: -self._settings.keep_steps]:
            del self._left[step]
            self._path(step).unlink(missing_ok=True)
