"""What judged rows of every kind share: how an answer becomes a verdict or a failure, and their file.

A figure that surprises is settled by looking at rows. So each row keeps the whole answer and the whole prompt beside
the verdict, in `judgments.jsonl`, which the report reads back.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from reward_fn.schema import Failure, FailureKind

if TYPE_CHECKING:
    from rm_train.evaluation.generation import Answer

V = TypeVar("V")
J = TypeVar("J")


def read_answer(read: V | Failure, answer: Answer) -> tuple[V | None, str | None, str | None]:
    """Return the verdict in an answer, or the kind of failure and its detail.

    Args:
        read: What the parser says of the answer's text.
        answer: The answer.
    """
    if not isinstance(read, Failure):
        return read, None, None
    # The parser sees text alone; that an answer was cut is why it has no verdict, whatever the text looks like.
    kind = FailureKind.TRUNCATED if answer.cut else read.kind
    return None, kind.value, read.detail


def as_lines(rows: Iterable[Any]) -> str:
    """Return the content of `judgments.jsonl`: a line for each row, a dataclass."""
    return "".join(json.dumps(asdict(row), ensure_ascii=False) + "\n" for row in rows)


def read_judgments(path: Path, row_type: type[J]) -> list[J]:
    """Read `judgments.jsonl`.

    Args:
        path: The file.
        row_type: The dataclass of its rows.

    Raises:
        FileNotFoundError: The file does not exist.
        ValueError: A line is not such a row; the message has its number.
    """
    rows = []
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            try:
                rows.append(row_type(**json.loads(line)))
            except (TypeError, ValueError) as error:
                raise ValueError(f"{path}, line {number} is not a judged row: {error}") from error
    return rows
