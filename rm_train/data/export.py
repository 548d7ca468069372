"""Rows into parquet, a bounded number at a time, so that memory does not grow with the file."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

_GROUP_ROWS = 1000
_GROUP_CHARACTERS = 8 << 20
_COMPRESSION = "zstd"


class RowWriter:
    """Collects rows and writes them in row groups of at most 1000 rows or about 8 million characters."""

    def __init__(self, writer: pq.ParquetWriter, schema: pa.Schema) -> None:
        self._writer = writer
        self._schema = schema
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
            self._writer.write_table(pa.Table.from_pylist(self._rows, self._schema))
            self._rows, self._characters = [], 0


@contextmanager
def row_writer(path: Path, schema: pa.Schema) -> Iterator[RowWriter]:
    """Open a parquet file for rows of a schema; it is complete when the block has ended well."""
    with pq.ParquetWriter(path, schema, compression=_COMPRESSION) as writer:
        rows = RowWriter(writer, schema)
        yield rows
        rows.flush()


def shuffle_targets(path: Path, schema: pa.Schema, targets: Sequence[str], rows_together: int, seed: int) -> None:
    """Permute the targets of a parquet file over its rows; everything else, and the counts of targets, stay.

    All targets are in memory at once, some bytes each; the rows are not.

    Args:
        path: The file.
        schema: Its rows' schema.
        targets: The fields that tell the truth, as `column.field`; those of a row stay together.
        rows_together: So many neighbours give theirs to as many neighbours, in their order; all rows are such groups.
        seed: Another seed permutes otherwise.
    """
    with pq.ParquetFile(path) as file:
        groups = list(range(file.metadata.num_rows // rows_together))
        random.Random(seed).shuffle(groups)
        places = [group * rows_together + place for group in groups for place in range(rows_together)]
        shuffled = file.read(columns=list(targets)).flatten().take(pa.array(places, pa.int64()))
        new = path.with_suffix(".shuffled")
        done = 0
        with pq.ParquetWriter(new, schema, compression=_COMPRESSION) as writer:
            for batch in file.iter_batches(_GROUP_ROWS):
                writer.write_batch(_with_fields(batch, schema, shuffled.slice(done, len(batch))))
                done += len(batch)
    new.replace(path)


def _with_fields(batch: pa.RecordBatch, schema: pa.Schema, values: pa.Table) -> pa.RecordBatch:
    """Return rows with other values in the fields that a table's columns name, as `column.field`."""
    columns = {name: batch.column(name) for name in schema.names}
    for name in {place.partition(".")[0] for place in values.column_names}:
        kind = schema.field(name).type
        new = {field.name: columns[name].field(field.name) for field in kind}
        new |= {field.name: values[f"{name}.{field.name}"].combine_chunks() for field in kind
                if f"{name}.{field.name}" in values.column_names}  # fmt: skip
        columns[name] = pa.StructArray.from_arrays(list(new.values()), fields=list(kind))
    return pa.record_batch(list(columns.values()), schema)
