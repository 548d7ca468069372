"""Reading the verl parquet that `rm-train prepare` writes, for judges of every kind.

A file is checked before a model is loaded: a missing column or an impossible target should cost a second, not the
minutes of a run, and the message should say which row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from reward_fn.judges.verdict_text import Message

R = TypeVar("R")

Needed = Mapping[str, Sequence[str]]
"""Column -> the fields of its struct that are read."""


def open_data(data: Path) -> pq.ParquetFile:
    """Open a data file.

    Raises:
        FileNotFoundError: The file does not exist.
        ValueError: It is not parquet.
    """
    if not data.is_file():
        raise FileNotFoundError(f"there is no data file {data}")
    try:
        return pq.ParquetFile(data)
    except pa.ArrowInvalid as error:
        raise ValueError(f"{data} is not a parquet file: {error}") from error


def read_records(
    data: Path, needed: Needed, row_of: Callable[[dict[str, Any], str], R], limit: int | None = None
) -> list[R]:
    """Read the rows of a verl parquet file, or its first `limit` ones.

    Args:
        data: The file.
        needed: What a row must have.
        row_of: Makes a row of a record and of the words that say where it stands; raises `ValueError` if it cannot.
        limit: How many rows; None for all.

    Raises:
        FileNotFoundError: The file does not exist.
        ValueError: It is not parquet, lacks a column, has no rows, or a row is not usable.
    """
    with open_data(data) as file:
        if limit is not None and limit < 1:
            raise ValueError(f"limit must be at least 1, got {limit}")
        if missing := _missing(file.schema_arrow, needed):
            raise ValueError(f"{data} lacks {', '.join(missing)}; `rm-train prepare` writes the columns needed")
        rows: list[R] = []
        for batch in file.iter_batches(batch_size=1024, columns=list(needed)):
            for record in batch.to_pylist():
                if limit is not None and len(rows) == limit:
                    return rows
                rows.append(row_of(record, f"{data}, row {len(rows)}"))
    if not rows:
        raise ValueError(f"{data} has no rows")
    return rows


def field_names(schema: pa.Schema, column: str) -> set[str]:
    """Return the names of the fields of a struct column; none if there is no such column."""
    if column not in schema.names:
        return set()
    kind = schema.field(column).type
    return {field.name for field in kind} if pa.types.is_struct(kind) else set()


def messages_of(record: Mapping[str, Any], where: str) -> tuple[Message, ...]:
    """Return the messages of a record's prompt.

    Raises:
        ValueError: They are not messages; the message says where.
    """
    turns = record["prompt"]
    if not turns or not all(isinstance((turn or {}).get("content"), str) for turn in turns):
        raise ValueError(f"{where}: the prompt is not a list of messages with a role and a content")
    return tuple(Message(role=turn["role"], content=turn["content"]) for turn in turns)


def target_of(record: Mapping[str, Any]) -> object:
    """Return what a record says is right, whatever it is."""
    return (record["reward_model"] or {}).get("ground_truth")


def extra_of(record: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return a record's `extra_info`, which has an integer `index`.

    Raises:
        ValueError: It has none; the message says where.
    """
    extra = record["extra_info"]
    if not isinstance(extra, dict) or not isinstance(extra["index"], int):
        raise ValueError(f"{where}: extra_info.index is not an integer")
    return extra


def written_out(turns: Sequence[Message]) -> str:
    """Return messages as a person reads them; a single one without its role."""
    if len(turns) == 1:
        return turns[0]["content"]
    return "\n\n".join(f"{turn['role']}: {turn['content']}" for turn in turns)


def _missing(schema: pa.Schema, needed: Needed) -> list[str]:
    missing = []
    for column, wanted in needed.items():
        if column not in schema.names:
            missing.append(f"the column {column!r}")
            continue
        names = field_names(schema, column)
        missing += [f"the field {field!r} of the column {column!r}" for field in wanted if field not in names]
    return missing
