"""Agreement of the rules for mathematics with public sets, beside other scorers; writes docs/rule_accuracy.md."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import click
from accuracy.cases import GSM8K, SETS, Case, Row, cases_of, counted, doctor_cases, gsm8k_cases, read_rows, set_rows
from accuracy.page import ASKED, DOCTOR, PUBLISHED, Measured, page
from accuracy.scorers import Outcome, Scorer, scorers
from rich.console import Console
from rich.progress import Progress

from rm_train.files import atomic_write_json, atomic_write_text

ROOT = Path(__file__).resolve().parents[1]
_CONSOLE = Console(stderr=True)
"""Not the standard output, on which verl's scorers print what they catch."""
_CHUNK = 50
"""Cases that are scored between two updates of the progress bar."""


class Work(NamedTuple):
    """Cases of a kind, and a scorer for them."""

    kind: str
    cases: Sequence[Case]
    scorer: Scorer


def planned(sets: dict[str, list[Row]], data: Path, rows: int | None) -> list[Work]:
    """Return the cases of all sets, each with the scorers that can score them."""
    every = scorers()
    work = []
    for title, golds in sets.items():
        for kind, cases in cases_of(golds).items():
            work += [Work(f"{title}: {kind}", cases, one) for one in every if cases and not one.numbers]
    labelled = read_rows(data / GSM8K, rows)
    work += [Work(PUBLISHED, gsm8k_cases(labelled), one) for one in every]
    work += [Work(ASKED, gsm8k_cases(labelled, one.line), one) for one in every]
    if doctor := [case for _, case in doctor_cases()]:
        work += [Work(DOCTOR, doctor, one) for one in every]
    return work


def measure(work: Sequence[Work], progress: Progress) -> Measured:
    """Score all cases."""
    measured: Measured = {}
    task = progress.add_task("", total=sum(len(cases) for _, cases, _ in work))
    for kind, cases, scorer in work:
        progress.update(task, description=f"{kind}: {scorer.name}".replace("`", ""))
        outcomes: list[Outcome] = []
        for start in range(0, len(cases), _CHUNK):
            chunk = [case.pair for case in cases[start : start + _CHUNK]]
            outcomes += scorer.score(chunk)
            progress.advance(task, len(chunk))
        measured.setdefault(kind, {})[scorer.name, scorer.form] = counted(cases, outcomes)
    return measured


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--data", type=click.Path(path_type=Path, exists=True, file_okay=False), required=True,
              help="Folder with math_golds and gsm8k.")  # fmt: skip
@click.option("--rows", type=click.IntRange(1), help="Only so many rows of each set, to try the script.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default=ROOT / "docs" / "rule_accuracy.md",
              help="The page.  [default: docs/rule_accuracy.md]")  # fmt: skip
@click.option("--json", "figures", type=click.Path(path_type=Path, dir_okay=False),
              help="Where the counts and the cases that differ go.")  # fmt: skip
def main(data: Path, rows: int | None, out: Path, figures: Path | None) -> None:
    """Measure the rules for mathematics beside verl's scorers, TRL's and math-verify; then write the page.

    Takes four minutes on two cores that are idle, most of it in verl's prime_math, which starts processes.
    """
    began = time.monotonic()
    sets = {one.title: set_rows(data, one, rows) for one in SETS}
    work = planned(sets, data, rows)
    with Progress(console=_CONSOLE) as progress:
        measured = measure(work, progress)
    atomic_write_text(out, page(measured, sets, time.monotonic() - began, rows))
    if figures is not None:
        counts = {
            kind: {f"{name}, gold {form}": one.json() for (name, form), one in of.items()}
            for kind, of in measured.items()
        }
        atomic_write_json(figures, counts)
    _CONSOLE.print(f"written: {out}")


if __name__ == "__main__":
    main()
