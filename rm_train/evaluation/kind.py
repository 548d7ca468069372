"""What differs between kinds of judges in an evaluation; everything else is done once, for all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
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

    def judgment(self) -> Any:  # noqa: ANN401 - each kind its own
        """Return what the metrics need of this row."""

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
        asked: The names of what stands in a judged row before the judge has said anything.
        of_judgments: Computes the figures of judgments.
        of_changes: Computes the figures of the second judge's judgments less those of the first's.
        as_json: Returns metrics as plain JSON values.
        from_json: Reads what `as_json` wrote; raises `ValueError` if a figure is missing.
    """

    read_rows: Callable[[Path, int | None], list[R]]
    judge: Callable[[R, Answer], J]
    judged_type: type[J]
    asked: tuple[str, ...]
    of_judgments: Callable[[Sequence[Any]], M]
    of_changes: Callable[[Sequence[Any], Sequence[Any]], Any]
    as_json: Callable[[M], dict[str, Any]]
    from_json: Callable[[Mapping[str, Any]], M]

    def measure(self, rows: Sequence[J]) -> M:
        """Return the figures of judged rows."""
        return self.of_judgments([row.judgment() for row in rows])

    def compare(self, before: Sequence[J], after: Sequence[J]) -> Any:  # noqa: ANN401 - each kind its own
        """Return the figures of the second judge less those of the first, on the same rows in the same order."""
        return self.of_changes([row.judgment() for row in before], [row.judgment() for row in after])

    def same_rows(self, before: Sequence[J], after: Sequence[J]) -> bool:
        """Return whether two judges were asked about the same rows in the same order."""
        asked = attrgetter(*self.asked)
        return list(map(asked, before)) == list(map(asked, after))
