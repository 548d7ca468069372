"""What can be wrong with data, said so that a person can mend it: a file, a line, a field and a reason."""

from __future__ import annotations

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
    EMPTY = "empty text"
    NOT_UNICODE = "not Unicode"
    NOT_AN_INTEGER = "not an integer"
    OUT_OF_RANGE = "out of range"
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


class PrepareError(ValueError):
    """Data cannot be prepared; the message says what to change."""


class SourceError(PrepareError):
    """A source as a whole cannot be read: missing, damaged, ambiguous."""


class BadRowError(PrepareError):
    """A broken row was met under `on_bad_row=stop`.

    Attributes:
        file: The file, as the settings name it.
        line: Its line, from 1.
        field: The field at fault, or "" when it is the whole line.
        reason: The kind of the problem.
    """

    def __init__(self, file: str, line: int, problem: RowProblem) -> None:
        super().__init__(f"{file}, line {line}: {problem} (to go on without such rows: on_bad_row=skip)")
        self.file = file
        self.line = line
        self.field = problem.field
        self.reason = problem.reason
