"""What differs between kinds of judges in an evaluation; everything else is done once, for all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar

from reward_fn.judges.verdict_text import Message

if TYPE_CHECKING:
    from rm_train.evaluation.generation import Answer


class Row(Protocol):
    """One thing to judge."""

    @property
    def index(self) -> int:
        """The row's number in its data set."""

    @property
    def prompt(self) -> tuple[Message, ...]:
        """What the judge is asked."""


class Judged(Protocol):
    """One row with what the judge made of it; a dataclass, and a line of `judgments.jsonl`."""

    @property
    def cut(self) -> bool:
        """Whether the answer was stopped at the length limit."""

    @property
    def tokens(self) -> int:
        """Tokens of the answer."""


class Measured(Protocol):
    """How good a judge is on a set of rows; a dataclass, which `metrics.json` holds."""

    kind: ClassVar[str]

    @property
    def rows(self) -> int:
        """All rows."""

    @property
    def figures(self) -> Any:  # noqa: ANN401 - a dataclass of estimates, each kind its own
        """The figures that have an interval."""

    @property
    def confusion(self) -> tuple[tuple[int, ...], ...]:
        """Row: what is true; column: the verdict, and last those that could not be read."""

    @property
    def failures(self) -> dict[str, int]:
        """Kind of failure -> verdicts."""


R = TypeVar("R", bound=Row)
J = TypeVar("J", bound=Judged)
M = TypeVar("M", bound=Measured)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind(Generic[R, J, M]):
    """A kind of judge.

    Attributes:
        read_rows: Reads the rows of a data file, or its first ones; raises as `read_records` does.
        judge: Reads the verdict in the answer to a row.
        judged_type: What `judge` returns.
        measure: Computes the figures of judged rows.
        compare: Computes the figures of the second judge less those of the first, on the same rows in the same order.
        same_rows: Whether two judges were asked about the same rows in the same order.
        as_json: Returns metrics as plain JSON values.
        from_json: Reads what `as_json` wrote; raises `ValueError` if a figure is missing.
    """

    read_rows: Callable[[Path, int | None], list[R]]
    judge: Callable[[R, Answer], J]
    judged_type: type[J]
    measure: Callable[[Sequence[J]], M]
    compare: Callable[[Sequence[J], Sequence[J]], Any]
    same_rows: Callable[[Sequence[J], Sequence[J]], bool]
    as_json: Callable[[M], dict[str, Any]]
    from_json: Callable[[Mapping[str, Any]], M]
