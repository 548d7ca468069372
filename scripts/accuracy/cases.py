"""The responses that `rule_accuracy.py` has scored, made from public sets, and how a scorer did on them."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

from accuracy.scorers import Outcome, Pair, is_paid


class Row(NamedTuple):
    """A gold as its set stores it, and the worked solution, which is empty if the set has none."""

    gold: str
    solution: str


class Case(NamedTuple):
    """A pair to score, and whether its response is right."""

    pair: Pair
    right: bool


class MathSet(NamedTuple):
    """A set of golds.

    Attributes:
        title: As the page calls it.
        file: Its file in the data folder.
        solution: The column with the worked solution, if there is one.
    """

    title: str
    file: str
    solution: str = ""


SETS = (
    MathSet("MATH-500, first half", "math_golds/math500_first_half.jsonl", "solution"),
    MathSet("Gaokao 2023 en", "math_golds/gaokao2023en.jsonl"),
    MathSet("AQuA", "math_golds/aqua_choices.jsonl", "rationale"),
)
GSM8K = "gsm8k/labelled_solutions_first_half.jsonl"
KINDS = ("box", "other box", "solution", "other solution")
"""Responses that are made of a row: its gold in a box, another row's, its worked solution, another row's."""


def read_rows(path: Path, limit: int | None) -> list[dict[str, Any]]:
    """Return the rows of a file of JSON lines, or the first so many of them."""
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines][:limit]


def set_rows(data: Path, source: MathSet, limit: int | None) -> list[Row]:
    """Return the rows of a set that have a gold."""
    rows = (Row(row["answer"], row.get(source.solution, "")) for row in read_rows(data / source.file, limit))
    return [row for row in rows if row.gold]


def bare(gold: str) -> str:
    """Return a gold without the dollars around it, as it stands in a box and as verl's data scripts store it."""
    gold = gold.strip()
    return gold[1:-1].strip() if re.fullmatch(r"\$[^$]+\$", gold) else gold


def same_value(first: str, second: str) -> bool:
    """Return whether two golds are one value, written in two ways: `$5$`, `x=5`, `5^\\circ`; `0.5`, `\\frac12`."""

    def plain(gold: str) -> Fraction | str:
        text = re.sub(r"[$\s]|\^\{?\\circ\}?", "", gold)
        text = re.sub(r"^[A-Za-z]=", "", text)
        text = re.sub(r"^\\[dt]?frac(?:(\d)(\d)|\{(\d+)\}\{(\d+)\})$", r"\1\3/\2\4", text)
        try:
            return Fraction(text)
        except (ValueError, ZeroDivisionError):
            return text

    return plain(first) == plain(second)


def with_next(rows: Sequence[Row]) -> Iterator[tuple[Row, Row]]:
    """Yield each row with the next one whose gold has another text; after the last row comes the first."""
    for index, row in enumerate(rows):
        later = (*rows[index + 1 :], *rows[:index])
        if (other := next((one for one in later if one.gold != row.gold), None)) is not None:
            yield row, other


def cases_of(rows: Sequence[Row]) -> dict[str, list[Case]]:
    """Return the cases of a set by their kind; another row's are left out where its gold is the same value."""
    cases: dict[str, list[Case]] = {kind: [] for kind in KINDS}

    def add(prefix: str, row: Row, shown: Row) -> None:
        boxed = f"The answer is \\boxed{{{bare(shown.gold)}}}."
        cases[f"{prefix}box"].append(Case(Pair(boxed, row.gold, bare(row.gold)), not prefix))
        if shown.solution:
            cases[f"{prefix}solution"].append(Case(Pair(shown.solution, row.gold, bare(row.gold)), not prefix))

    for row in rows:
        add("", row, row)
    for row, other in with_next(rows):
        if not same_value(row.gold, other.gold):
            add("other ", row, other)
    return cases


def gsm8k_cases(rows: Sequence[dict[str, Any]], line: str = "A: %s") -> list[Case]:
    """Return the labelled solutions with the gold as verl's data script stores it, the number alone.

    Args:
        rows: The rows of the file.
        line: How the last line, `A: 18`, is written instead.
    """
    cases = []
    for row in rows:
        number = row["ground_truth"].rpartition("A: ")[2].strip().replace(",", "")
        response = re.sub(r"(?:\A|(?<=\n))A: (.*)\Z", lambda last: line % last[1], row["solution"])
        cases.append(Case(Pair(response, number, number), bool(row["is_correct"])))
    return cases


def doctor_cases() -> list[tuple[Any, Case]]:
    """Return the cases of reward-doctor, each as it has it and as a case, if it is installed."""
    try:
        from reward_doctor import ALL_CASES
    except ImportError:
        return []
    return [(one, Case(Pair(one.completion, one.reference, bare(one.reference)), one.expect)) for one in ALL_CASES]


class Counts(NamedTuple):
    """How a scorer did on cases.

    Attributes:
        right: How many responses are right.
        wrong: How many are wrong.
        missed: Right responses that get less than the full score, or no score: false negatives.
        paid: Wrong responses that get the full score: false positives.
        failed: Responses without a score, by the reason; they are not paid.
        differs: The cases that are missed or paid wrongly.
    """

    right: int
    wrong: int
    missed: int
    paid: int
    failed: Counter[str]
    differs: list[Case]

    @property
    def cases(self) -> int:
        """How many cases there are."""
        return self.right + self.wrong

    def json(self) -> dict[str, Any]:
        """Return the counts for a file of JSON."""
        return {
            "right": self.right,
            "wrong": self.wrong,
            "missed": self.missed,
            "paid": self.paid,
            "failed": dict(self.failed),
            "differs": [[one.pair.gold, one.pair.response[-200:]] for one in self.differs],
        }


def counted(cases: Sequence[Case], outcomes: Sequence[Outcome]) -> Counts:
    """Compare outcomes with what is right."""
    differs = [case for case, outcome in zip(cases, outcomes, strict=True) if is_paid(outcome) != case.right]
    failed = Counter(" ".join(outcome.split())[:100] for outcome in outcomes if isinstance(outcome, str))
    right = sum(case.right for case in cases)
    missed = sum(case.right for case in differs)
    return Counts(right, len(cases) - right, missed, len(differs) - missed, failed, differs)
