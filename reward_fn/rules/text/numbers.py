"""Whether the numbers of a right answer are in an answer, by value."""

from __future__ import annotations

import re
from decimal import Context, Decimal
from typing import Any, ClassVar, Literal, TypeAlias

from pydantic import Field

from reward_fn.base import BasePointWiseReward, answer_text
from reward_fn.rules.references import references
from reward_fn.schema import DataSample, FailureKind, RewardError, RewardResult

_DIGITS = re.compile(r"\d[\d.,]*", re.ASCII)
_AFTER = re.compile(
    r"(?:[eE]([+\-]?\d{1,9})(?!\w)|\s?(?:\u00d7|\*|\\times)\s?10\^\{?([+\-]?\d{1,9})\}?)?(\s?\\?%)?", re.ASCII
)
"""A power of ten, and a percent sign."""
_PLAIN = re.compile(r"(?:\d+|\d{1,3}(?:,\d{3})+)(?:\.\d+)?|\.\d+", re.ASCII)
_LIST = re.compile(r"\d+(?:,\d+)+", re.ASCII)
_MAY_FOLLOW = frozenset(" eE\u00d7*\\%\t\n\u00a0")
_CONTEXT = Context(prec=60)
_EXACT_DIGITS, _EXACT_SHIFT = 15, 22
"""Within these, decimal notation and float are the same to the last digit that is written."""

Number: TypeAlias = "float | Decimal"
"""Both compare with each other by their exact values."""


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

    def _score(self, found: list[Number], wanted: list[Number]) -> tuple[float, int]:
        if not wanted:
            raise RewardError(FailureKind.BAD_INPUT, "the reference has no numbers")
        matches = self._matches(sorted(found), sorted(wanted))
        if not matches:
            return 0.0, 0
        recall, precision = matches / len(wanted), matches / len(found)
        scores = {"recall": recall, "precision": precision, "f1": 2 * recall * precision / (recall + precision)}
        return scores[self.measure], matches

    def _matches(self, found: list[Number], wanted: list[Number]) -> int:
        """Pair sorted numbers one to one."""
        matches = index = 0
        for want in wanted:
            low, high = self._span(want)
            while index < len(found) and found[index] < low:
                index += 1
            if index < len(found) and found[index] <= high:
                matches, index = matches + 1, index + 1
        return matches

    def _span(self, value: Number) -> tuple[Number, Number]:
        """Return the least and the greatest number that is equal to a value."""
        if isinstance(value, float):
            slack = max(self.tolerance, self.relative_tolerance * abs(value))
            return value - slack, value + slack
        exact = max(Decimal(self.tolerance), _CONTEXT.multiply(Decimal(self.relative_tolerance), abs(value)))
        # Rounding must not exclude the value itself.
        return min(value, _CONTEXT.subtract(value, exact)), max(value, _CONTEXT.add(value, exact))


def numbers(text: str) -> list[Number]:
    """Return the values of the numbers in a text, in their order: exact ones where a float is not."""
    values: list[Number] = []
    read = 0
    for match in _DIGITS.finditer(text):
        start, digits = match.start(), match[0].rstrip(".,")
        before = text[start - 1 : start]
        if start < read or before.isalnum() or before in ("_", ","):
            continue
        if before == "." and not text[start - 2 : start - 1].isalnum() and text[start - 2 : start - 1] != ".":
            start, digits = start - 1, f".{digits}"
        read = match.start() + len(match[0].rstrip(".,"))
        if digits.isdigit() or _PLAIN.fullmatch(digits):
            shift, read = _shift(text, read) if text[read : read + 1] in _MAY_FOLLOW else (0, read)
            value = _number(digits.replace(",", ""), shift)
            values.append(-value if _is_negative(text, start) else value)
        elif _LIST.fullmatch(digits):
            values += [_number(part, 0) for part in digits.split(",")]
    return values


def _shift(text: str, end: int) -> tuple[int, int]:
    """Return by which power of ten a number is multiplied by what follows it, and where that ends."""
    match = _AFTER.match(text, end)
    if match is None:
        return 0, end
    exponent, power, percent = match.groups()
    return int(exponent or power or 0) - (2 if percent else 0), match.end()


def _number(digits: str, shift: int) -> Number:
    if len(digits) <= _EXACT_DIGITS and -_EXACT_SHIFT <= shift <= _EXACT_SHIFT:
        return float(f"{digits}e{shift}") if shift else float(digits)
    return Decimal(f"{digits}e{shift}")


def _is_negative(text: str, start: int) -> bool:
    """Return whether a number that begins at `start` has a minus that is no hyphen, range or subtraction."""
    if start == 0 or text[start - 1] not in "-\u2212":
        return False
    return start == 1 or not (text[start - 2].isalnum() or text[start - 2] in ".)_")
