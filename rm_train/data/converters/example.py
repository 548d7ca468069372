"""The one shape that every data set of ratings is converted to, and the check of a rating."""

from __future__ import annotations

from dataclasses import dataclass

from reward_fn.judges.pointwise import SCORES
from reward_fn.judges.verdict_text import Message
from rm_train.data.errors import BadReason, RowProblem
from rm_train.data.fields import Fields, show


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


def read_score(fields: Fields, name: str) -> int:
    """Return a field's rating.

    Raises:
        RowProblem: The field is missing, null, not a JSON integer (3.0, true, "3" and NaN are none) or not in `SCORES`.
    """
    value = fields.integer(name)
    if value not in SCORES:
        detail = f"should be within {SCORES[0]} to {SCORES[-1]}, is {show(value)}"
        raise RowProblem(name, BadReason.OUT_OF_RANGE, detail)
    return value
