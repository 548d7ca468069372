"""A row read field by field: every converter gets the types it needs, or a problem that names the field.

A row is what strangers wrote, so nothing in it is taken on trust and nothing is guessed: a text that is a number, a
list that is a text, a null are problems of that row.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

from rm_train.data.errors import BadReason, RowProblem


class Fields:
    """A row, or an object within one; problems name fields from the top of the row: `chosen.answer`, `turns[2].role`.

    All readers raise `RowProblem` where the field is missing, null or not what was asked for.
    """

    def __init__(self, row: Mapping[str, object], path: str = "") -> None:
        self._row = row
        self._path = path

    def has(self, name: str) -> bool:
        """Say whether a field is there and not null."""
        return self._row.get(name) is not None

    def is_list(self, name: str) -> bool:
        """Say whether a field is there and holds a list, for those that may hold a list or a text."""
        return isinstance(self._row.get(name), list)

    def text(self, name: str, *, may_be_empty: bool = False) -> str:
        """Return a text as it is; one of white space alone is empty, and half of a surrogate pair is no text."""
        return _text(self._value(name), self.name_of(name), may_be_empty)

    def optional_text(self, name: str) -> str | None:
        """Return a text, or None where the field is missing or null."""
        return self.text(name) if self.has(name) else None

    def texts(self, name: str, *, may_be_empty: bool = False) -> list[str]:
        """Return a list of at least one text; `may_be_empty` is about the texts."""
        items = self._list(name)
        return [_text(item, f"{self.name_of(name)}[{place}]", may_be_empty) for place, item in enumerate(items)]

    def choice(self, name: str, choices: Collection[str]) -> str:
        """Return a text that is one of some."""
        value = self.text(name)
        if value not in choices:
            detail = f"should be one of {', '.join(choices)}, is {show(value)}"
            raise RowProblem(self.name_of(name), BadReason.NOT_A_CHOICE, detail)
        return value

    def integer(self, name: str) -> int:
        """Return an integer; 3.0, true, "3" and NaN are none."""
        value = self._value(name)
        if type(value) is not int:
            raise RowProblem(self.name_of(name), BadReason.NOT_AN_INTEGER, f"should be an integer, is {show(value)}")
        return value

    def optional_number(self, name: str) -> float | None:
        """Return a finite number, or None where the field is missing or null; true and "3" are none."""
        if not self.has(name):
            return None
        value = self._value(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise RowProblem(self.name_of(name), BadReason.NOT_A_NUMBER, f"should be a number, is {show(value)}")
        return float(value)

    def nested(self, name: str) -> Fields:
        """Return an object in this one."""
        return _object(self._value(name), self.name_of(name))

    def nested_list(self, name: str) -> list[Fields]:
        """Return a list of at least one object."""
        return [_object(item, f"{self.name_of(name)}[{place}]") for place, item in enumerate(self._list(name))]

    def name_of(self, name: str) -> str:
        """Return a field's name from the top of the row."""
        return f"{self._path}.{name}" if self._path else name

    def _value(self, name: str) -> object:
        if name not in self._row:
            raise RowProblem(self.name_of(name), BadReason.MISSING, "the field is missing")
        return _not_null(self._row[name], self.name_of(name))

    def _list(self, name: str) -> list[object]:
        value = self._value(name)
        if not isinstance(value, list):
            raise RowProblem(self.name_of(name), BadReason.NOT_A_LIST, f"should be a list, is {show(value)}")
        if not value:
            raise RowProblem(self.name_of(name), BadReason.EMPTY_LIST, "the list is empty")
        return value


def show(value: object) -> str:
    """Return the beginning of a value and its type, for a person."""
    text = repr(value)
    return f"{text if len(text) <= 40 else text[:40] + '…'} ({type(value).__name__})"


def _not_null(value: object, name: str) -> object:
    if value is None:
        raise RowProblem(name, BadReason.NULL, "the value is null")
    return value


def _text(value: object, name: str, may_be_empty: bool) -> str:
    text = _not_null(value, name)
    if not isinstance(text, str):
        raise RowProblem(name, BadReason.NOT_TEXT, f"should be text, is {show(text)}")
    if not may_be_empty and not text.strip():
        raise RowProblem(name, BadReason.EMPTY, "the text is empty")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            # JSON can spell half of a surrogate pair, which no file format can store.
            raise RowProblem(name, BadReason.NOT_UNICODE, "the text holds half of a surrogate pair") from error
    return text


def _object(value: object, name: str) -> Fields:
    fields = _not_null(value, name)
    if not isinstance(fields, Mapping):
        raise RowProblem(name, BadReason.NOT_AN_OBJECT, f"should be an object {{…}}, is {show(fields)}")
    return Fields(fields, name)
