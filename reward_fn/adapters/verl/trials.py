"""What a reward pays for answers of known worth, in figures that a person can check."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.markup import escape
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Trial:
    """What a reward made of one answer to one row.

    Attributes:
        place: The row.
        kind: The kind of the answer.
        paid: What verl would train on; None if there is nothing.
        failure: Why the reward itself gave no score; empty if it gave one.
    """

    place: str
    kind: str
    paid: float | None
    failure: str = ""


def paid_by_row(trials: Sequence[Trial]) -> dict[str, dict[str, float]]:
    """Return what is paid for each kind of answer, by the rows' places; what got nothing is left out."""
    rows: dict[str, dict[str, float]] = {}
    for trial in trials:
        kinds = rows.setdefault(trial.place, {})
        if trial.paid is not None:
            kinds[trial.kind] = trial.paid
    return rows


def payments(trials: Sequence[Trial], what: str = "the reward") -> Table:
    """Return a table of what is paid for each kind of answer: mean, lowest, highest, and how many failed.

    Args:
        trials: At least one.
        what: What to call the reward in the title.
    """
    count = len({trial.place for trial in trials})
    table = Table(title=escape(f"what {what} pays, on {count} training row{'s' * (count > 1)}"))
    for heading in ("answer", "mean", "lowest", "highest", "failed"):
        table.add_column(heading, justify="left" if heading == "answer" else "right")
    for kind in dict.fromkeys(trial.kind for trial in trials):
        tried = [trial for trial in trials if trial.kind == kind]
        paid = [trial.paid for trial in tried if trial.paid is not None]
        figures = (sum(paid) / len(paid), min(paid), max(paid)) if paid else ()
        cells = [f"{figure:+.3f}" for figure in figures] or ["-"] * 3
        table.add_row(escape(kind), *cells, str(sum(bool(trial.failure) for trial in tried)))
    return table
