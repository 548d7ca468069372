"""The answers that a pointwise judge is evaluated on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reward_fn.judges.pointwise import SCORES
from reward_fn.judges.verdict_text import Message
from rm_train.evaluation.parquet import extra_of, messages_of, read_records, target_of
from rm_train.evaluation.pointwise.reasons import parse_facts

_NEEDED = {"prompt": (), "reward_model": ("ground_truth",), "extra_info": ("index", "facts")}


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


def read_rows(data: Path, limit: int | None = None) -> list[Row]:
    """Read the rows of a verl parquet file, or its first `limit` ones; see `read_records` for what it raises."""
    return read_records(data, _NEEDED, _row, limit)


def _row(record: dict[str, Any], where: str) -> Row:
    prompt, target = messages_of(record, where), target_of(record)
    if isinstance(target, bool) or not isinstance(target, int) or target not in SCORES:
        raise ValueError(f"{where}: the target {target!r} is not an integer of {SCORES[0]} to {SCORES[-1]}")
    extra = extra_of(record, where)
    try:
        facts = parse_facts(extra["facts"] or "")
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error
    return Row(extra["index"], prompt, target, facts)
