"""What the rows of one kind of judge are like; the only thing in which data of ratings and of preferences differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

import pyarrow as pa

from reward_fn.judges.verdict_text import Message
from rm_train.data.fields import Fields
from rm_train.data.settings import Side


class Judged(Protocol):
    """What every kind of example has."""

    @property
    def conversation(self) -> list[Message]:
        """The turns before what is judged."""


JudgedT = TypeVar("JudgedT", bound=Judged)


class Shape(Protocol[JudgedT]):
    """Makes examples of a data set's rows, and verl's rows of examples."""

    @property
    def version(self) -> int:
        """Rises when the rows made from the same input change, so that older files are made anew."""

    @property
    def schema(self) -> pa.Schema:
        """The columns of verl's rows."""

    @property
    def labels(self) -> Sequence[int | str]:
        """All values of the truth, in order."""

    @property
    def rows_per_example(self) -> int:
        """How many rows an example becomes, which stand next to each other and are never parted."""

    @property
    def targets(self) -> tuple[str, ...]:
        """The fields that tell the truth of a row, such as `reward_model.ground_truth`."""

    def convert(self, row: Fields) -> JudgedT:
        """Return the example in a row as its authors wrote it; raises `RowProblem`."""

    def rows(self, example: JudgedT, side: Side, index: int, source: str) -> list[dict[str, Any]]:
        """Return the rows of an example, or none if the settings leave it out.

        Args:
            example: What is judged.
            side: The split the rows are in.
            index: The first row's number in its split, from 0.
            source: Where the example was read, as `file:line`.
        """

    def probe(self) -> list[Message]:
        """Return what a judge is asked of a fixed example, so that a reworded prompt is noticed."""


def verl_schema(truth: pa.DataType, extra_info: Sequence[tuple[str, pa.DataType]]) -> pa.Schema:
    """Return the schema of rows with this kind of ground truth and these fields of `extra_info`."""
    return pa.schema(
        [
            ("data_source", pa.string()),
            ("prompt", pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))),
            ("ability", pa.string()),
            ("reward_model", pa.struct([("style", pa.string()), ("ground_truth", truth)])),
            ("extra_info", pa.struct(list(extra_info))),
        ]
    )
