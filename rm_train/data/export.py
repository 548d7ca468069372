"""Rows into parquet, a bounded number at a time, so that memory does not grow with the file."""

from __future__ import annotations

import random
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from rm_train.data.process import SCHEMA

_GROUP_ROWS = 1000
_GROUP_CHARACTERS = 8 << 20
_COMPRESSION = "zstd"


class RowWriter:
    """Collects rows of `SCHEMA` and writes them in row groups of at most 1000 rows or about 8 million characters."""

    def __init__(self, writer: pq.ParquetWriter) -> None:
        self._writer = writer
        self._rows: list[dict[str, Any]] = []
        self._characters = 0

    def add(self, row: dict[str, Any]) -> None:
        """Take one row."""
        self._rows.append(row)
        self._characters += sum(len(message["content"]) for message in row["prompt"])
        if len(self._rows) >= _GROUP_ROWS or self._characters >= _GROUP_CHARACTERS:
            self.flush()

    def flush(self) -> None:
        """Write what was collected."""
        if self._rows:
            self._writer.write_table(pa.Table.from_pylist(self._rows, SCHEMA))
            self._rows, self._characters = [], 0


@contextmanager
def row_writer(path: Path) -> Iterator[RowWriter]:
    """Open a parquet file for rows of `SCHEMA`; it is complete when the block has ended well."""
    with pq.ParquetWriter(path, SCHEMA, compression=_COMPRESSION) as writer:
        rows = RowWriter(writer)
        yield rows
        rows.flush()


def shuffle_targets(path: Path, seed: int) -> None:
    """Permute the targets of a parquet file over its rows; everything else, and the counts of targets, stay.

    All targets are in memory at once, one byte each; the rows are not.
    """
    with pq.ParquetFile(path) as file:
        targets = array("b")
        for batch in file.iter_batches(_GROUP_ROWS, columns=["reward_model.ground_truth"]):
            targets.extend(pc.struct_field(batch.column("reward_model"), "ground_truth").to_pylist())
        random.Random(seed).shuffle(targets)
        shuffled = path.with_suffix(".shuffled")
        place = SCHEMA.get_field_index("reward_model")
        done = 0
        with pq.ParquetWriter(shuffled, SCHEMA, compression=_COMPRESSION) as writer:
            for batch in file.iter_batches(_GROUP_ROWS):
                column = batch.column(place)
                new = pa.array(targets[done : done + len(batch)], pa.int64())
                done += len(batch)
                struct = pa.StructArray.from_arrays([column.field("style"), new], fields=list(column.type))
                writer.write_batch(batch.set_column(place, SCHEMA.field(place), struct))
    shuffled.replace(path)
