"""One side of a source that holds both: which side a row belongs to stands in one of its fields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rm_train.data.errors import RowProblem
from rm_train.data.settings import Side
from rm_train.data.sources.base import Record, Source


@dataclass(frozen=True, slots=True)
class ColumnSource:
    """The rows of one side; see `Source`. Each side reads the whole source, as validation must be known first.

    A row is held out if its field begins with `val`. All others train, those too that cannot be read: so whoever
    converts the training side tells of each of them, and once.
    """

    source: Source
    column: str

    @property
    def name(self) -> str:
        """The source's name."""
        return self.source.name

    @property
    def location(self) -> str:
        """Where a person finds the source."""
        return self.source.location

    @property
    def unit(self) -> str:
        """What a record's line counts."""
        return self.source.unit

    @property
    def side(self) -> Side | None:
        """The side whose rows these are."""
        return self.source.side

    @property
    def total_bytes(self) -> int | None:
        """The source's size."""
        return self.source.total_bytes

    def records(self) -> Iterator[Record]:
        """Yield the rows of the side, with their places in the source."""
        held_out = self.side == "validation"
        return (record for record in self.source.records() if self._is_held_out(record) == held_out)

    def identity(self, known: Mapping[str, Any] | None) -> dict[str, Any]:
        """Return that of the source, which names the side."""
        return self.source.identity(known)

    def _is_held_out(self, record: Record) -> bool:
        try:
            value = record.parse().get(self.column)
        except RowProblem:
            return False
        return isinstance(value, str) and value.startswith("val")
