"""What can be wrong with data, said so that a person can mend it: a file, a line, a field and a reason."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class BadReason(str, Enum):
    """The kinds of broken rows; they are what a manifest counts."""

    NOT_UTF8 = "not UTF-8"
    NOT_JSON = "not JSON"
    NOT_AN_OBJECT = "not an object"
    TOO_LONG = "line too long"
    MISSING = "field missing"
    NULL = "null"
    NOT_TEXT = "not text"
    NOT_A_LIST = "not a list"
    EMPTY = "empty text"
    EMPTY_LIST = "empty list"
    NOT_UNICODE = "not Unicode"
    NOT_AN_INTEGER = "not an integer"
    NOT_A_NUMBER = "not a number"
    OUT_OF_RANGE = "out of range"
    NOT_A_CHOICE = "not one of the values"
    CONTRADICTION = "contradicts the row"
    BAD_TURNS = "malformed turns"


class RowProblem(Exception):
    """One row cannot be used; raised by readers and converters, which do not know where the row stands.

    Attributes:
        field: The field at fault, or "" when it is the whole line.
        reason: The kind of the problem.
        detail: What was found, for a person.
    """

    def __init__(self, field: str, reason: BadReason, detail: str) -> None:
        super().__init__(f"{field}: {detail}" if field else detail)
        self.field = field
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be used, and where it stands.

    Attributes:
        file: The file, as the settings name it, or the data set on the hub.
        unit: What `line` counts: lines or rows.
        line: Its place there, from 1.
        field: The field at fault, or "" when it is the whole line.
        reason: The kind of the problem.
        detail: What was found, for a person.
    """

    file: str
    unit: str
    line: int
    field: str
    reason: BadReason
    detail: str

    def __str__(self) -> str:
        """Return it as one sentence."""
        return f"{self.file}, {self.unit} {self.line}: {f'{self.field}: ' if self.field else ''}{self.detail}"


class PrepareError(ValueError):
    """Data cannot be prepared; the message says what to change."""


class SourceError(PrepareError):
    """A source as a whole cannot be read: missing, damaged, ambiguous."""


class BadRowError(PrepareError):
    """A broken row was met under `on_bad_row=stop`.

    Attributes:
        file: The file, as the settings name it.
        line: Its line, or its place among the rows, from 1.
        field: The field at fault, or "" when it is the whole line.
        reason: The kind of the problem.
    """

    def __init__(self, row: BadRow) -> None:
        super().__init__(f"{row} (to go on without such rows: on_bad_row=skip)")
        self.file = row.file
        self.line = row.line
        self.field = row.field
        self.reason = row.reason
