"""Whether the numbers of a right answer are in an answer, by value."""

from __future__ import annotations

import re
from decimal import Context, Decimal
from typing import Any, ClassVar, Literal

from pydantic import Field

from reward_fn.base import BasePointWiseReward, answer_text
from reward_fn.rules.references import references
from reward_fn.schema import DataSample, FailureKind, RewardError, RewardResult

_NUMBER = re.compile(
    r"(?<![\w.,])(?P<sign>(?<![\w.,)][+\-\u2212])[+\-\u2212])?"
    r"(?P<digits>\d[\d.,]*|\.\d[\d.,]*)"
    r"(?:[eE](?P<exponent>[+\-]?\d{1,9})(?!\w)|\s?(?:\u00d7|\*|\\times)\s?10\^\{?(?P<power>[+\-]?\d{1,9})\}?)?"
    r"(?P<percent>\s?\\?%)?",
    re.ASCII,
)
_PLAIN = re.compile(r"(?:\d+|\d{1,3}(?:,\d{3})+)(?:\.\d+)?|\.\d+", re.ASCII)
_LIST = re.compile(r"\d+(?:,\d+)+", re.ASCII)
_EXACT = Context(prec=60)


class NumberAccuracyReward(BasePointWiseReward):
    """How many of the reference's numbers are in the answer, by value and each as often as it occurs.

    RM-Gallery compares the first with the first and so on, so `Step 1: 42` misses 42. Thousands separators, signs,
    percent (50 % is 0.5) and scientific notation are read; a hyphen after a digit or letter is no sign (2024-05), and
    versions (1.2.3) are no numbers. By default the share of the reference's numbers that are found, so an answer that
    lists many numbers does well: `measure="f1"` counts those that should not be there.
    """

    formula: ClassVar[str] = "recall: matches / numbers of the reference; precision: / of the answer; f1: of both"

    name: str = "number_accuracy"
    tolerance: float = Field(1e-6, ge=0, allow_inf_nan=False, description="the largest difference of equal numbers")
    relative_tolerance: float = Field(0.0, ge=0, lt=1, description="the same, as a share of the reference's number")
    measure: Literal["recall", "precision", "f1"] = Field("recall", description="what the matches are divided by")

    def _evaluate(self, sample: DataSample, **kwargs: Any) -> RewardResult:  # noqa: ANN401
        found = numbers(answer_text(sample))
        best = max(self._score(found, numbers(reference)) for reference in references(sample))
        return RewardResult.of(self.name, best[0], f"{best[1]} matches, {len(found)} numbers in the answer")

    def _score(self, found: list[Decimal], wanted: list[Decimal]) -> tuple[float, int]:
        if not wanted:
            raise RewardError(FailureKind.BAD_INPUT, "the reference has no numbers")
        matches = self._matches(sorted(found), sorted(wanted))
        if not matches:
            return 0.0, 0
        recall, precision = matches / len(wanted), matches / len(found)
        scores = {"recall": recall, "precision": precision, "f1": 2 * recall * precision / (recall + precision)}
        return scores[self.measure], matches

    def _matches(self, found: list[Decimal], wanted: list[Decimal]) -> int:
        """Pair sorted numbers one to one."""
        absolute, relative = Decimal(self.tolerance), Decimal(self.relative_tolerance)
        matches = index = 0
        for want in wanted:
            slack = max(absolute, _EXACT.multiply(relative, abs(want)))
            low, high = _EXACT.subtract(want, slack), _EXACT.add(want, slack)
            while index < len(found) and found[index] < low and found[index] != want:
                index += 1
            if index < len(found) and (found[index] <= high or found[index] == want):
                matches, index = matches + 1, index + 1
        return matches


def numbers(text: str) -> list[Decimal]:
    """Return the values of the numbers in a text, in their order."""
    values = []
    for match in _NUMBER.finditer(text):
        digits = match["digits"].rstrip(".,")
        if _PLAIN.fullmatch(digits):
            values.append(_value(digits, match))
        elif _LIST.fullmatch(digits):
            values += [Decimal(part) for part in digits.split(",")]
    return values


def _value(digits: str, match: re.Match[str]) -> Decimal:
    shift = int(match["exponent"] or match["power"] or 0) - (2 if match["percent"] else 0)
    sign = "-" if match["sign"] in ("-", "\u2212") else ""
    return Decimal(f"{sign}{digits.replace(',', '')}e{shift}")
