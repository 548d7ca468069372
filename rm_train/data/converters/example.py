"""The one shape that every data set is converted to, and the checks that all converters share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reward_fn.judges.pointwise import SCORES, Message
from rm_train.data.errors import BadReason, RowProblem


@dataclass(frozen=True, slots=True)
class Example:
    """One rated answer.

    Attributes:
        conversation: The turns before the answer, alternating, the last one the user's.
        answer: The text that was rated.
        target: The rating, one of `SCORES`.
        facts: JSON text of what a right reason must say (name -> whether it is met, in order), or "" when unknown.
    """

    conversation: list[Message]
    answer: str
    target: int
    facts: str = ""


def read_text(row: Mapping[str, object], field: str) -> str:
    """Return a field's text as it is.

    Raises:
        RowProblem: The field is missing, null, not text, empty or only white space, or cannot be written as UTF-8.
    """
    value = _read(row, field)
    if not isinstance(value, str):
        raise RowProblem(field, BadReason.NOT_TEXT, f"should be text, is {_show(value)}")
    if not value.strip():
        raise RowProblem(field, BadReason.EMPTY, "the text is empty")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            # JSON can spell half of a surrogate pair, which no file format can store.
            raise RowProblem(field, BadReason.NOT_UNICODE, "the text holds half of a surrogate pair") from error
    return value


def read_score(row: Mapping[str, object], field: str) -> int:
    """Return a field's rating.

    Raises:
        RowProblem: The field is missing, null, not a JSON integer (3.0, true, "3" and NaN are none) or not in `SCORES`.
    """
    value = _read(row, field)
    if type(value) is not int:
        raise RowProblem(field, BadReason.NOT_AN_INTEGER, f"should be an integer, is {_show(value)}")
    if value not in SCORES:
        detail = f"should be within {SCORES[0]} to {SCORES[-1]}, is {_show(value)}"
        raise RowProblem(field, BadReason.OUT_OF_RANGE, detail)
    return value


def _read(row: Mapping[str, object], field: str) -> object:
    if field not in row:
        raise RowProblem(field, BadReason.MISSING, "the field is missing")
    value = row[field]
    if value is None:
        raise RowProblem(field, BadReason.NULL, "the value is null")
    return value


def _show(value: object) -> str:
    text = repr(value)
    return f"{text if len(text) <= 40 else text[:40] + '…'} ({type(value).__name__})"
