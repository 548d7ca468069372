"""verl's metrics file, read while verl writes it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any


class MetricsTail:
    """Reads the lines that verl appends to a metrics file, each once; a line that a full disk has cut is left out."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._position = 0

    def __call__(self) -> Iterator[tuple[int, Mapping[str, Any]]]:
        """Yield the step and the metrics of each whole line that is new."""
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._position)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                self._position += len(line)
                record = json.loads(line)
                yield record["step"], record["data"]
