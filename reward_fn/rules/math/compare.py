r"""Whether two mathematical answers are equal: text, numbers and structure here, formulas by math-verify.

Structure is compared here, since math-verify (0.9.0) sorts the elements of sets by a key that depends on how they are
written, and drops brackets that matter. Remove when it matches elements.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from reward_fn.rules.math.equations import other_names, without_names
from reward_fn.rules.math.expressions import Expression, based, expression, known_unit
from reward_fn.rules.math.lists import Group, described, group, same_integer

MOST_ELEMENTS = 100
"""Elements of the longest list whose order does not matter that is compared."""

_LETTERS = re.compile(r"[A-Za-z](?:[,\s]*[A-Za-z])*")
_CHOICE = re.compile(r"^(?:option|choice|answer)\s+(?=[a-j]$)")
_TIME = re.compile(r"\d{1,2}:\d\d(?::\d\d)?")
_NAMES = re.compile(r"(?<![\\A-Za-z])[A-Za-z]|(?<=[a-zA-Z])(?<!\\)[A-Za-z](?![a-zA-Z]*\{)")
_NOT_LETTERS = re.compile(r"[^A-Za-z,\s]")
_SPACED_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+")
_UNION = re.compile(r"\\cup(?![A-Za-z])\s?")
_DECIMAL_COMMA = re.compile(r"-?\d+,\d+")


@dataclass(frozen=True, slots=True)
class Options:
    """The options of a comparison; see the fields of `MathVerifyReward`."""

    float_rounding: int = 6
    numeric_precision: int = 15
    strict: bool = True
    allow_set_relation_comp: bool = False
    percent_as_number: bool = False


Scalar = Callable[[Expression, Expression, Options], bool]
"""Compares two formulas that are neither lists nor numbers: gold, answer."""


class TooManyElementsError(Exception):
    """An answer has more elements than are compared."""


def equal(gold: Expression, answer: Expression, options: Options, scalar: Scalar) -> bool:
    """Return whether an answer equals the gold.

    Args:
        gold: The right answer.
        answer: The answer.
        options: How to compare.
        scalar: Asked for formulas that are neither equal texts nor numbers nor lists.

    Raises:
        TooManyElementsError: The answer is a list that is too long.
    """
    if not gold or not answer:
        return False
    if not _units_fit(gold, answer) or (options.strict and _other_case(gold.text, answer.text)):
        return False
    if gold.joined and answer.joined and gold.joined != answer.joined:
        return False
    if (gold.unit and answer.text == gold.text + gold.unit) or (answer.unit and gold.text == answer.text + answer.unit):
        return True
    if gold.text == answer.text or (gold.text.casefold() == answer.text.casefold() and _is_letters(gold)):
        return True
    if gold.number is not None and answer.number is not None:
        return _equal_numbers(gold, answer, options)
    if gold.words or answer.words:
        return _equal_words(gold, answer)
    if (digits := based(gold.text)) is not None or based(answer.text) is not None:
        return _equal_based(gold, digits, answer)
    return _equal_formulas(gold, answer, options, scalar)


def _equal_formulas(gold: Expression, answer: Expression, options: Options, scalar: Scalar) -> bool:
    if options.strict and other_names(gold.text, answer.text):
        return False
    if ":" in gold.text and (ratio := _ratio(gold.text)) is not None:
        return _equal_ratios(ratio, gold, answer)
    if ":" in answer.text and (ratio := _ratio(answer.text)) is not None:
        return _equal_ratios(ratio, answer, gold)
    if r"\approx" in answer.text and r"\approx" not in gold.text:
        sides = answer.text.split(r"\approx")
        return any(equal(gold, expression(side), options, scalar) for side in sides if side.strip())
    gold_text, answer_text = without_names(gold.text, answer.text)
    if (gold_text, answer_text) != (gold.text, answer.text):
        return equal(expression(gold_text), expression(answer_text), options, scalar)
    if gold.number is not None and gold.number.denominator != 1 and _DECIMAL_COMMA.fullmatch(answer.text):
        return equal(gold, expression(answer.text.replace(",", ".")), options, scalar)
    if gold.text.count("'") != answer.text.count("'"):
        return False  # math-verify (0.9.0) drops the primes of derivatives
    if r"\ldots" in gold.text or r"\ldots" in answer.text:
        return False  # an ellipsis has no value; math-verify 0.9.0 drops it
    if gold.number is not None and _SPACED_THOUSANDS.fullmatch(answer.text):
        return answer.text.replace(",", "") == gold.text  # `100, 200` for the gold `100,200`, which may be either
    if r"\cup" in gold.text and r"\cup" in answer.text:
        pieces = [_UNION.split(one.text) for one in (gold, answer)]
        if len(pieces[0]) == len(pieces[1]) and all(group(piece) for both in pieces for piece in both):
            return _matched(pieces[0], pieces[1], options, scalar)
    if (inside := described(gold.text, answer.text)) is not None:
        return equal(*inside, replace(options, allow_set_relation_comp=True), scalar)
    if (renamed := same_integer(gold.text, answer.text)) is not None:
        return equal(*renamed, options, scalar)
    groups = group(gold.text), group(answer.text)
    if groups[0] is None and groups[1] is None:
        return scalar(gold, answer, options)
    mine, theirs = (found or Group("", "", (one.text,)) for found, one in zip(groups, (gold, answer), strict=True))
    if len(mine.elements) == 1 and groups[1] is None:
        # `{5}`, `[5]`: one element is the element.
        return mine.elements[0] not in (gold.text, r"\emptyset") and equal(
            expression(mine.elements[0]), answer, options, scalar
        )
    if groups[0] is None and not theirs.opening and len(set(theirs.elements)) > 1:
        # "3/4 (or 75%)": several ways to write one number
        return all(equal(gold, expression(one), options, scalar) for one in theirs.elements)
    if len(theirs.elements) == 1 and groups[0] is None:
        return theirs.elements[0] not in (answer.text, r"\emptyset") and equal(
            gold, expression(theirs.elements[0]), options, scalar
        )
    if groups[0] is None or groups[1] is None:
        # A relation and an interval, a matrix and a list.
        return scalar(gold, answer, options)
    return _equal_groups(mine, theirs, options, scalar)


def _equal_groups(gold: Group, answer: Group, options: Options, scalar: Scalar) -> bool:
    if (
        gold.ordered
        and answer.ordered
        and options.strict
        and (gold.opening, gold.closing)
        != (
            answer.opening,
            answer.closing,
        )
    ):
        return False
    is_set = [one.opening == r"\{" for one in (gold, answer)]
    if options.strict and is_set != [False, False] and (gold.ordered or answer.ordered):
        return False
    in_order = gold.ordered or answer.ordered
    mine, theirs = gold.elements, answer.elements
    if is_set != [False, False] or (not in_order and len(set(mine)) == len(mine)):
        # A gold without repetitions is a set of solutions.
        mine, theirs = tuple(dict.fromkeys(mine)), tuple(dict.fromkeys(theirs))
    if len(mine) != len(theirs):
        return False
    if in_order:
        return all(
            equal(expression(one), expression(other), options, scalar) for one, other in zip(mine, theirs, strict=True)
        )
    if len(mine) > MOST_ELEMENTS:
        if sorted(mine) == sorted(theirs):
            return True
        raise TooManyElementsError(f"{len(theirs):,} elements are more than {MOST_ELEMENTS}")
    return _matched(mine, theirs, options, scalar)


def _matched(gold: Sequence[str], answer: Sequence[str], options: Options, scalar: Scalar) -> bool:
    """Return whether elements can be paired one to one."""
    left = list(answer)
    rest = []
    for one in gold:
        if one in left:
            left.remove(one)
        else:
            rest.append(one)
    for one in rest:
        found = next((other for other in left if equal(expression(one), expression(other), options, scalar)), None)
        if found is None:
            return False
        left.remove(found)
    return True


def _equal_numbers(gold: Expression, answer: Expression, options: Options) -> bool:
    assert gold.number is not None and answer.number is not None
    rounded = gold.decimal or answer.decimal
    if equal_numbers(gold.number, answer.number, options.float_rounding if rounded else None):
        return True
    if options.percent_as_number and gold.percent != answer.percent:
        factors = (100 if gold.percent else 1), (100 if answer.percent else 1)
        return equal_numbers(
            gold.number * factors[0], answer.number * factors[1], options.float_rounding if rounded else None
        )
    return False


def equal_numbers(gold: Fraction, answer: Fraction, decimals: int | None) -> bool:
    """Return whether two numbers are equal, exactly or when rounded.

    math-verify (0.9.0) rounds to so many decimals, and so takes all small numbers for 0. Here numbers below 1 are
    rounded to so many significant digits. Remove when it does.

    Args:
        gold: The right number.
        answer: The other one.
        decimals: Decimals to round to; None if both are exact.
    """
    if gold == answer:
        return True
    if decimals is None or not gold or (gold > 0) != (answer > 0):
        return False
    scale = Fraction(10) ** decimals
    size = abs(gold)
    if size < 1:
        scale *= Fraction(10) ** (len(str(size.denominator // size.numerator)) - 1)
    return round(gold * scale) == round(answer * scale)


def _ratio(text: str) -> tuple[Fraction, ...] | None:
    """Return the numbers of a ratio such as `3:4`; None for anything else."""
    parts = [expression(part).number for part in text.split(":")]
    return tuple(part for part in parts if part) if len(parts) > 1 and all(parts) else None


def _equal_ratios(gold_ratio: Sequence[Fraction], gold: Expression, answer: Expression) -> bool:
    """Compare a ratio with a ratio in proportion, or with its quotient; a time, such as `3:15`, with itself alone."""
    if _TIME.fullmatch(gold.text):
        return False  # equal texts are equal before
    theirs = _ratio(answer.text) if ":" in answer.text else None
    if theirs is None:
        return len(gold_ratio) == 2 and answer.number == gold_ratio[0] / gold_ratio[1]
    return len(theirs) == len(gold_ratio) and len({one / two for one, two in zip(gold_ratio, theirs, strict=True)}) == 1


def _other_case(gold: str, answer: str) -> bool:
    """Return whether the variables of a formula differ, and only in upper and lower case."""
    mine, theirs = set(_NAMES.findall(gold)), set(_NAMES.findall(answer))
    if mine == theirs or len(gold) == 1:
        return False
    return {name.casefold() for name in mine} == {name.casefold() for name in theirs} and bool(
        _NOT_LETTERS.search(gold)
    )


def _units_fit(gold: Expression, answer: Expression) -> bool:
    """Return whether the units do not contradict each other; one that is missing or unknown fits all."""
    if not gold.unit or not answer.unit or gold.unit == answer.unit:
        return True
    return not (known_unit(gold.unit) and known_unit(answer.unit))


def _is_letters(one: Expression) -> bool:
    return _LETTERS.fullmatch(one.text) is not None


def _equal_words(gold: Expression, answer: Expression) -> bool:
    """Compare texts; letters of choices count in their order, with or without separators."""
    mine, theirs = (_CHOICE.sub("", one.words or one.text.casefold()) for one in (gold, answer))
    if mine == theirs:
        return True
    if _LETTERS.fullmatch(gold.text) and _LETTERS.fullmatch(answer.text) and gold.text.isupper():
        return re.sub(r"[,\s]", "", mine) == re.sub(r"[,\s]", "", theirs)
    return False


def _equal_based(gold: Expression, digits: tuple[str, str] | None, answer: Expression) -> bool:
    """Compare numerals with a base, which math-verify (0.9.0) drops; one that is missing fits all."""
    theirs = based(answer.text)
    mine_digits, mine_base = digits or (gold.text.upper(), "")
    their_digits, their_base = theirs or (answer.text.upper(), "")
    return mine_digits == their_digits and (mine_base == their_base or not mine_base or not their_base)
