"""The types every room shares: what a reward returns when it could not give a number.

A failure is never a score: code that cannot judge returns a `Failure` that says why, and only the adapter of a
training framework decides what that framework is told.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class FailureKind(str, Enum):
    """Why a reward could not be computed."""

    UNPARSEABLE = "unparseable"
    """The judge answered, but not in the form that was asked for."""
    TRUNCATED = "truncated"
    """The judge's answer was cut off before its verdict."""


@dataclass(frozen=True, slots=True)
class Failure:
    """The reason why there is no score.

    Attributes:
        kind: The class of the failure.
        retriable: Whether asking again can help.
        detail: One sentence for a person.
    """

    kind: FailureKind
    retriable: bool
    detail: str
