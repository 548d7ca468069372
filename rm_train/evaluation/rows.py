"""The rows a judge is evaluated on, read from the verl parquet that `rm-train prepare` writes.

A file is checked before a model is loaded: a missing column or an impossible target should cost a second, not the
minutes of a run, and the message should say which row.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from reward_fn.judges.pointwise import SCORES
from reward_fn.judges.verdict_text import Message
from rm_train.evaluation.reasons import parse_facts

_NEEDED = {"prompt": (), "reward_model": ("ground_truth",), "extra_info": ("index", "facts")}
"""Column -> the fields of its struct that are read."""


@dataclass(frozen=True, slots=True)
class Row:
    """One answer to judge.

    Attributes:
        index: The row's number in its data set.
        prompt: What the judge is asked.
        target: The true score, 0 to 4.
        facts: Thing asked for -> whether the answer does it; None where the data has no facts.
    """

    index: int
    prompt: tuple[Message, ...]
    target: int
    facts: dict[str, bool] | None

    @property
    def prompt_text(self) -> str:
        """The prompt as a person reads it; a single turn without its role."""
        if len(self.prompt) == 1:
            return self.prompt[0]["content"]
        return "\n\n".join(f"{turn['role']}: {turn['content']}" for turn in self.prompt)


def read_rows(data: Path, limit: int | None = None) -> list[Row]:
    """Read the rows of a verl parquet file, or its first `limit` ones.

    Raises:
        FileNotFoundError: The file does not exist.
        ValueError: It is not parquet, lacks a column, has no rows, or a row is not usable.
    """
    if not data.is_file():
        raise FileNotFoundError(f"there is no data file {data}")
    if limit is not None and limit < 1:
        raise ValueError(f"limit must be at least 1, got {limit}")
    try:
        file = pq.ParquetFile(data)
    except pa.ArrowInvalid as error:
        raise ValueError(f"{data} is not a parquet file: {error}") from error
    with file:
        if missing := _missing(file.schema_arrow):
            raise ValueError(f"{data} lacks {', '.join(missing)}; `rm-train prepare` writes the columns needed")
        rows: list[Row] = []
        for batch in file.iter_batches(batch_size=1024, columns=list(_NEEDED)):
            for record in batch.to_pylist():
                if limit is not None and len(rows) == limit:
                    return rows
                rows.append(_row(record, f"{data}, row {len(rows)}"))
    if not rows:
        raise ValueError(f"{data} has no rows")
    return rows


def _missing(schema: pa.Schema) -> list[str]:
    missing = []
    for column, wanted in _NEEDED.items():
        if column not in schema.names:
            missing.append(f"the column {column!r}")
            continue
        kind = schema.field(column).type
        names = {field.name for field in kind} if pa.types.is_struct(kind) else set()
        missing += [f"the field {field!r} of the column {column!r}" for field in wanted if field not in names]
    return missing


def _row(record: dict[str, Any], where: str) -> Row:
    turns, target, extra = record["prompt"], (record["reward_model"] or {}).get("ground_truth"), record["extra_info"]
    if not turns or not all(isinstance((turn or {}).get("content"), str) for turn in turns):
        raise ValueError(f"{where}: the prompt is not a list of messages with a role and a content")
    if isinstance(target, bool) or not isinstance(target, int) or target not in SCORES:
        raise ValueError(f"{where}: the target {target!r} is not an integer of {SCORES[0]} to {SCORES[-1]}")
    if not isinstance(extra, dict) or not isinstance(extra["index"], int):
        raise ValueError(f"{where}: extra_info.index is not an integer")
    try:
        facts = parse_facts(extra["facts"] or "")
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error
    prompt = tuple(Message(role=turn["role"], content=turn["content"]) for turn in turns)
    return Row(extra["index"], prompt, target, facts)
