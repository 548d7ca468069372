"""What is counted while rows pass: a manifest must say what is in the files without a second reading."""

from __future__ import annotations

import json
from array import array
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

import pyarrow as pa
import pyarrow.compute as pc

from rm_train.data.errors import BadRow, BadRowError, RowProblem
from rm_train.data.sources import Source


class SideTally:
    """Counts one side's rows; holds 8 bytes for each."""

    def __init__(self, labels: Sequence[int | str]) -> None:
        self.rows = 0
        self._all_labels = labels
        self._labels: Counter[int | str] = Counter()
        self._multi_turn = 0
        self._keys = array("Q")

    def add(self, label: int | str, turns: int, key: int) -> None:
        """Count one row: its truth, the turns of its conversation, and the key that stands for its prompt."""
        self.rows += 1
        self._labels[label] += 1
        self._multi_turn += turns > 1
        self._keys.append(key)

    def prompts(self) -> int:
        """Return how many different prompts there are."""
        return int(pc.count_distinct(pa.array(self._keys, pa.uint64())).as_py())

    def as_json(self) -> dict[str, Any]:
        """Return the counts; `majority_accuracy`, in 0..1, is what always naming the commonest label would reach."""
        majority, most = self._labels.most_common(1)[0]
        return {
            "rows": self.rows,
            "prompts": self.prompts(),
            "multi_turn_rows": self._multi_turn,
            "labels": {str(label): self._labels[label] for label in self._all_labels},
            "majority_label": majority,
            "majority_accuracy": most / self.rows,
        }


class BadRows:
    """Stops at a broken row, or counts it; subclasses also keep it."""

    def __init__(self, stop: bool) -> None:
        self.count = 0
        self.first: BadRow | None = None
        self._stop = stop
        self._reasons: Counter[str] = Counter()

    @property
    def by_reason(self) -> dict[str, int]:
        """How many rows there are of each kind of problem."""
        return dict(sorted(self._reasons.items()))

    def add(self, source: Source, line: int, problem: RowProblem) -> BadRow:
        """Take note of a broken row.

        Raises:
            BadRowError: Broken rows are to stop the work.
        """
        row = BadRow(source.location, source.unit, line, problem.field, problem.reason, problem.detail)
        if self._stop:
            raise BadRowError(row) from problem
        self.first = self.first or row
        self.count += 1
        self._reasons[problem.reason.value] += 1
        return row


class BadRowsFile(BadRows):
    """Also lists the rows in a file, which is made with the first one."""

    def __init__(self, path: Path, stop: bool) -> None:
        super().__init__(stop)
        self._path = path
        self._file: TextIO | None = None

    def add(self, source: Source, line: int, problem: RowProblem) -> BadRow:
        """Take note of a broken row and list it.

        Raises:
            BadRowError: Broken rows are to stop the work.
        """
        row = super().add(source, line, problem)
        if self._file is None:
            self._file = self._path.open("w", encoding="utf-8")
        entry = {
            "file": source.name,
            "line": line,
            "field": problem.field,
            "reason": problem.reason.value,
            "detail": problem.detail,
        }
        # ASCII, because what is listed may be just what UTF-8 cannot hold.
        self._file.write(json.dumps(entry) + "\n")
        return row

    def close(self) -> None:
        """Complete the list."""
        if self._file is not None:
            self._file.close()

    def as_json(self) -> dict[str, Any]:
        """Return the count, the counts by reason and the name of the list, or None in its place."""
        return {"count": self.count, "by_reason": self.by_reason, "file": self._path.name if self.count else None}
