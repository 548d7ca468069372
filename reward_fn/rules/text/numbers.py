"""Whether the numbers of a right answer are in an answer, by value."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import MAX_EMAX, MIN_EMIN, ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from functools import lru_cache
from typing import Any, ClassVar, Literal, NamedTuple, TypeAlias

from pydantic import Field

from reward_fn.base import BaseRuleReward
from reward_fn.rules.references import bad_reference, references, refuse_long
from reward_fn.schema import DataSample, RewardResult

_NUMBER = re.compile(
    r"(\d\d*(?:[.,]+\d+)*)"  # not \d+: the engine looks for one leading character quickly
    r"(?:[eE]([+\-]?\d{1,9})(?!\w)|\s?(?:\u00d7|\*|\\times)\s?10\^\{?([+\-]?\d{1,9})\}?)?(\s?\\?%)?",
    re.ASCII,
)
"""Digits, a power of ten, and a percent sign. A run of digits is read once whatever follows it: the time is linear."""
_PLAIN = re.compile(r"(?:\d+|\d{1,3}(?:,\d{3})+)(?:\.\d+)?|\.\d+", re.ASCII)
_LIST = re.compile(r"\d+(?:,\d+)+", re.ASCII)
_MINUS, _CURRENCIES = frozenset("-\u2212"), frozenset("$\u20ac\u00a3\u00a5\u20b9")
_BEFORE_SIGNED = _MINUS | _CURRENCIES
_FLOAT_DIGITS, _FLOAT_SHIFT = 15, 22
"""Numbers with as many digits are told apart by floats. A value is a float or a Decimal however it is written."""
_LOW = Context(prec=60, rounding=ROUND_CEILING, Emin=MIN_EMIN, Emax=MAX_EMAX, traps=[])
_HIGH = Context(prec=60, rounding=ROUND_FLOOR, Emin=MIN_EMIN, Emax=MAX_EMAX, traps=[])

Number: TypeAlias = "float | Decimal"
"""Both compare with each other by their exact values."""


class NumberAccuracyReward(BaseRuleReward):
    """How many of the reference's numbers are in the answer, by value and each as often as it occurs.

    RM-Gallery compares the first with the first and so on, so `Step 1: 42` misses 42. Thousands separators, signs,
    percent (50 % is 0.5) and scientific notation are read; a hyphen after a digit or letter is no sign (2024-05),
    versions (1.2.3) are no numbers, and a fraction (1/2) is two. Numbers of any size are exact. Of several references
    the best counts.

    The default, recall, pays 1 for a wrong answer that mentions the right number anywhere: with the reference 18, `She
    sells 18 eggs, so she makes 36` and `16, 17, 18, 19` get 1. It paid 222 of GSM8K's 1,630 wrong solutions. Use
    `measure="last"` where a solution ends in its result: the last number of the answer is compared with the last number
    of the reference. Precision and F1 count the numbers that should not be there, so a right solution with intermediate
    steps is below 1: they are for answers that list results. See [what matches pay wrongly](#what-matches-pay-wrongly).
    """

    version: ClassVar[int] = 2
    formula: ClassVar[str] = (
        "recall: matches / numbers of the reference; precision: / of the answer; f1: of both; "
        "last: 1 if the last numbers are equal, else 0"
    )
    source: ClassVar[str] = "RM-Gallery, which compares by position"

    name: str = "number_accuracy"
    tolerance: float = Field(1e-6, ge=0, allow_inf_nan=False, description="the largest difference of equal numbers")
    relative_tolerance: float = Field(0.0, ge=0, lt=1, description="the same, as a share of the reference's number")
    measure: Literal["recall", "precision", "f1", "last"] = Field(
        "recall", description="what the matches are divided by; last: whether the last numbers are equal"
    )
    max_characters: int = Field(200_000, ge=1, description="characters of the longest text that is scored")

    def _evaluate(self, sample: DataSample, **kwargs: Any) -> RewardResult:  # noqa: ANN401
        wanted = [_numbers_of_reference(reference) for reference in references(sample, self.max_characters)]
        if not all(wanted):
            raise bad_reference(sample, "the reference has no numbers")
        answer = self._answer(sample)
        refuse_long(answer, self.max_characters)
        found = numbers(answer)
        if self.measure == "last":
            return self._last(found, [reference.last for reference in wanted if reference])
        found.sort()
        best = max(self._score(found, reference.ordered) for reference in wanted if reference)
        return RewardResult.of(self.name, best[0], f"{best[1]} matches, {len(found)} numbers in the answer")

    def _last(self, found: Sequence[Number], wanted: Sequence[Number]) -> RewardResult:
        if not found:
            return RewardResult.of(self.name, 0.0, "no number in the answer")
        right = any(low <= found[-1] <= high for low, high in map(self._span, wanted))
        return RewardResult.of(self.name, float(right), f"the last number is {found[-1]}")

    def _score(self, found: Sequence[Number], wanted: Sequence[Number]) -> tuple[float, int]:
        matches = self._matches(found, wanted)
        if not matches:
            return 0.0, 0
        recall, precision = matches / len(wanted), matches / len(found)
        scores = {"recall": recall, "precision": precision, "f1": 2 * recall * precision / (recall + precision)}
        return scores[self.measure], matches

    def _matches(self, found: Sequence[Number], wanted: Sequence[Number]) -> int:
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
        exact = max(Decimal(self.tolerance), _HIGH.multiply(Decimal(self.relative_tolerance), value.copy_abs()))
        # Rounded towards the value, so that no other number becomes equal to it, but not beyond it.
        return min(value, _LOW.subtract(value, exact)), max(value, _HIGH.add(value, exact))


def numbers(text: str) -> list[Number]:
    """Return the values of the numbers in a text, in their order: exact ones where a float is not."""
    values: list[Number] = []
    for match in _NUMBER.finditer(text):
        start, digits = match.start(), match[1]
        before = text[start - 1 : start]
        if before.isalnum() or before == "_":
            continue
        if before == "." and not text[start - 2 : start - 1].isalnum() and text[start - 2 : start - 1] != ".":
            start, digits = start - 1, f".{digits}"
            before = text[start - 1 : start]
        if digits.isdigit() or _PLAIN.fullmatch(digits):
            if before in _BEFORE_SIGNED and _is_negative(text, start):
                digits = f"-{digits}"
            values.append(_number(digits.replace(",", ""), _shift(match)))
        elif _LIST.fullmatch(digits):
            values += [_number(part, 0) for part in digits.split(",")]
    return values


class _Wanted(NamedTuple):
    """The numbers of a reference in ascending order, and the last one of its text."""

    ordered: tuple[Number, ...]
    last: Number


@lru_cache(maxsize=64)
def _numbers_of_reference(text: str) -> _Wanted | None:
    """Return a reference's numbers, or None if it has none; the answers to one prompt are compared with the same."""
    found = numbers(text)
    return _Wanted(tuple(sorted(found)), found[-1]) if found else None


def _shift(match: re.Match[str]) -> int:
    """Return by which power of ten the digits are multiplied."""
    if match.lastindex == 1:
        return 0
    _, exponent, power, percent = match.groups()
    return int(exponent or power or 0) - (2 if percent else 0)


def _number(digits: str, shift: int) -> Number:
    if len(digits) <= _FLOAT_DIGITS and -_FLOAT_SHIFT <= shift <= _FLOAT_SHIFT:
        return float(f"{digits}e{shift}") if shift else float(digits)
    value = Decimal(f"{digits}e{shift}")
    if not value:
        return 0.0
    significant = digits.lstrip("-").replace(".", "").strip("0")
    small = abs(value.adjusted()) <= _FLOAT_DIGITS + _FLOAT_SHIFT
    return float(value) if len(significant) <= _FLOAT_DIGITS and small else value


def _is_negative(text: str, start: int) -> bool:
    """Return whether a number that begins at `start` has a minus that is no hyphen, range or subtraction."""
    if start > 1 and text[start - 1] in _CURRENCIES:
        start -= 1
    if start == 0 or text[start - 1] not in _MINUS:
        return False
    return start == 1 or not (text[start - 2].isalnum() or text[start - 2] in ".)_")
