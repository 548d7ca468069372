r"""Whether two mathematical answers are equal: text, numbers and structure here, formulas by math-verify.

Structure is compared here, since math-verify (0.9.0) sorts the elements of sets by a key that depends on how they are
written, and drops brackets that matter. Remove when it matches elements.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from reward_fn.rules.math.expressions import Expression, based, expression, known_unit

MOST_ELEMENTS = 100
"""Elements of the longest list whose order does not matter that is compared."""

_OPEN, _CLOSE = "([{", ")]}"
_ASSIGNED = re.compile(
    r"^([A-Za-z](?:_\w|_\{\w+\})?(?:\([A-Za-z](?:,[A-Za-z])*\))?|\\[a-z]+)(?:=|\\(?:in|equiv)(?![A-Za-z])\s?)(?![=])(.+)$",
    re.DOTALL,
)
_RELATION = re.compile(r"=|<|>|\\(?:le|ge|ne|in|approx|equiv)(?![A-Za-z])")
_EQUATION = re.compile(r"(?<![<>\\])=")
_LETTERS = re.compile(r"[A-Za-z](?:[,\s]*[A-Za-z])*")
_VECTOR = re.compile(r"\\begin\{[pbv]?matrix\}((?:(?!\\begin).)*)\\end\{[pbv]?matrix\}")
_SAME_BRACKETS = {"{": (r"\{", r"\}"), r"\langle": ("(", ")")}
_CHOICE = re.compile(r"^(?:option|choice|answer)\s+(?=[a-j]$)")
_TIME = re.compile(r"\d{1,2}:\d\d(?::\d\d)?")
_NAMES = re.compile(r"(?<![\\A-Za-z])[A-Za-z]|(?<=[a-zA-Z])(?<!\\)[A-Za-z](?![a-zA-Z]*\{)")
_NOT_LETTERS = re.compile(r"[^A-Za-z,\s]")
_TERM = (
    r"(?:\\(?:sin|cos|tan|cot|sec|csc|angle|triangle|overline|measuredangle|text|mathrm|Delta|alpha|beta|theta|gamma)"
    r"|m(?=\\angle))*\s?(?:[A-Za-z]+|\\(?:alpha|beta|gamma|delta|theta|lambda|mu|phi|rho|sigma|tau|omega|ell|epsilon)(?![a-z])|\{[A-Za-z]+\}|\|[A-Za-z]{2,}\||\[[A-Z]+\])(?:_(?:\w|\{[^{}]*\}))?'*(?:\([^()=]*\)|\{[A-Za-z]+\})*"
)
_NAMED = re.compile(
    rf"{_TERM}(?:[+-]{_TERM})*|\(\s?[A-Za-z]\w*(?:,\s?[A-Za-z]\w*)+\)|\|(?:[A-Za-z]|\\cup|\\cap|\s)+\||P\([^()]*\)"
)
"""What an equation may give a value to: a name, or a sum of names, as contests ask for `m+n`; not `2x` or `x^2`."""
_ASKED = re.compile(r"\\(?:lim|int|sum|prod|deg|dim|gcd|lcm|max|min|det|arg|sup)(?![A-Za-z])")
"""How a value begins that a problem asks for."""
_PRODUCT = re.compile(
    r"(?!-)(?:[A-Za-z+/()\s-]|\\(?:cdot|times|frac|angle|triangle|overline|sin|cos|tan)(?![A-Za-z])|[{}])+"
)
"""Names with operators and without numbers, as in `N/M=3`."""
_CLOSED = re.compile(r"(?:[^A-Za-z\\]|\\(?:sqrt|frac|pi|cdot|times|pm|ldots|binom|log|ln)(?![A-Za-z]))*")
_SPACED_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+")
_UNION = re.compile(r"\\cup(?![A-Za-z])\s?")
_DESCRIBED = re.compile(r"\\\{[A-Za-z](?:\\in\s?\\mathbb\{R\})?\|(.+)\\\}", re.DOTALL)
_INTEGER_NAME = re.compile(r"(.+?),?\(?([A-Za-z])\\in\s?(?:\\mathbb\{Z\}|\\mathbf\{Z\}|Z)\)?", re.DOTALL)
_TUPLE_NAMES = re.compile(r"\(([A-Za-z](?:,[A-Za-z])+)\)=\(([^=()]+)\)")
_DECIMAL_COMMA = re.compile(r"-?\d+,\d+")
_PLUS_MINUS = re.compile(r"\\(?:pm|mp)(?![A-Za-z])\s?")
_OPERATORS = re.compile(r"\\(?:cup|cap|setminus|times|cdot|to)(?![A-Za-z])")


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


@dataclass(frozen=True, slots=True)
class _Group:
    """Elements in brackets, or without them: a list whose brackets are empty texts."""

    opening: str
    closing: str
    elements: tuple[str, ...]

    @property
    def ordered(self) -> bool:
        return self.opening in ("(", "[")


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
    if options.strict and _other_names(gold.text, answer.text):
        return False
    if ":" in gold.text and (ratio := _ratio(gold.text)) is not None:
        return _equal_ratios(ratio, gold, answer)
    if r"\approx" in answer.text and r"\approx" not in gold.text:
        sides = answer.text.split(r"\approx")
        return any(equal(gold, expression(side), options, scalar) for side in sides if side.strip())
    gold_text, answer_text = _without_names(gold.text, answer.text)
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
        if len(pieces[0]) == len(pieces[1]) and all(_group(piece) for both in pieces for piece in both):
            return _matched(pieces[0], pieces[1], options, scalar)
    if (inside := _described(gold.text, answer.text)) is not None:
        return equal(*inside, replace(options, allow_set_relation_comp=True), scalar)
    if (renamed := _same_integer(gold.text, answer.text)) is not None:
        return equal(*renamed, options, scalar)
    groups = _group(gold.text), _group(answer.text)
    if groups[0] is None and groups[1] is None:
        return scalar(gold, answer, options)
    mine, theirs = (found or _Group("", "", (one.text,)) for found, one in zip(groups, (gold, answer), strict=True))
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


def _equal_groups(gold: _Group, answer: _Group, options: Options, scalar: Scalar) -> bool:
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


def _without_names(gold: str, answer: str) -> tuple[str, str]:
    """Drop the name of a variable that has the value, where only one side has one or both have the same.

    An equation that gives no value, such as `2x=5`, is no answer where the gold is a value.
    """
    gold, answer = _spread(gold, answer), _spread(answer, gold)
    mine, theirs = _ASSIGNED.match(gold), _ASSIGNED.match(answer)
    if mine and theirs and mine[1] == theirs[1] and not (_more(mine[2]) or _more(theirs[2])):
        return mine[2], theirs[2]
    if mine and not _RELATION.search(answer) and not _more(mine[2]):
        return mine[2], answer
    if theirs and not _RELATION.search(gold) and not _more(theirs[2]):
        return gold, theirs[2]
    if not _RELATION.search(gold) and _EQUATION.search(answer) and not _inequality(answer):
        sides = [side for side in _split(answer, "=") if side]
        if len(sides) > 1 and len(_split(answer, ",")) == 1:
            return gold, _value_of(sides) or ""
    return gold, answer


def _spread(one: str, other: str) -> str:
    """Return `(a,b)=(1,2)` as `a=1,b=2` beside what names `a`, else as `(1,2)`."""
    names = _TUPLE_NAMES.fullmatch(one)
    if names is None or _TUPLE_NAMES.fullmatch(other):
        return one
    if "=" not in other:
        return f"({names[2]})"
    return ",".join(f"{name}={value}" for name, value in zip(names[1].split(","), names[2].split(","), strict=False))


def _value_of(sides: Sequence[str]) -> str | None:
    """Return what a chain of equations gives as a value: `5` for `x=2+3=5`, `2+3=5` and `5=x`; None for `2x=5`."""
    values = {value for value in (expression(side).number for side in sides) if value is not None}
    if len(values) > 1:
        return None  # `6=5`
    if _ASKED.match(sides[0]):
        return sides[-1]
    if _NAMED.fullmatch(sides[-1]) and not _NAMED.fullmatch(sides[0]):
        return sides[0] if len(sides) == 2 else None
    if _NAMED.fullmatch(sides[0]) or _PRODUCT.fullmatch(sides[0]) or all(map(_CLOSED.fullmatch, sides[:-1])):
        return sides[-1]
    # A computation; but `x^2-1=(x-1)(x+1)=0` is still to be solved.
    return sides[-1] if len(sides) > 2 and sides[-1] != "0" and _CLOSED.fullmatch(sides[-1]) else None


def _other_names(gold: str, answer: str) -> bool:
    """Return whether both sides give a value to variables of other names, such as `x=3` and `y=3`."""
    mine, theirs = _ASSIGNED.match(gold), _ASSIGNED.match(answer)
    if not mine or not theirs or mine[1].casefold() == theirs[1].casefold() or "," in gold or "," in answer:
        return False
    return mine[1] not in theirs[2] and theirs[1] not in mine[2]


def _more(text: str) -> bool:
    """Return whether a value holds another relation, outside of brackets."""
    return any(_RELATION.search(part) for part in _split(text, ",")) if _RELATION.search(text) else False


def _inequality(text: str) -> bool:
    return re.search(r"<|>|\\(?:le|ge|ne|in|approx|equiv)(?![A-Za-z])", text) is not None


def _group(text: str) -> _Group | None:
    r"""Return the elements of `a,b`, `(a,b)`, `[a,b)`, `\{a,b\}`; None for what is no list."""
    opening, closing, inner = "", "", text
    if (vector := _VECTOR.fullmatch(text)) is not None:
        parts = [part for part in re.split(r"\\\\|&", vector[1]) if part]
        if "&" not in vector[1] or r"\\" not in vector[1].rstrip("\\"):
            return _Group("(", ")", tuple(parts))
        return None
    for start, ends in (
        (r"\{", (r"\}",)),
        ("{", ("}",)),
        (r"\langle", (r"\rangle",)),
        ("(", (")", "]")),
        ("[", ("]", ")")),
    ):
        end = next((end for end in ends if text.startswith(start) and text.endswith(end)), None)
        if end is not None and len(text) >= len(start) + len(end):
            candidate = text[len(start) : len(text) - len(end)]
            if _balanced(candidate):
                opening, closing, inner = start, end, candidate
                break
    elements = [part.strip() for part in _split(inner, ",")]
    opening, closing = _SAME_BRACKETS.get(opening, (opening, closing))
    if any(bar in inner for bar in ("|", r"\mid", ":")) and opening == r"\{":
        return None  # a set that is described, not listed
    if not opening and len(elements) == 1 and not _PLUS_MINUS.search(inner):
        return None
    if not all(elements):
        return None
    if not opening and _OPERATORS.search(inner) and any(mark in inner for mark in "()[]"):
        return None  # a union of intervals
    elements = [both for one in elements for both in _both_signs(one)]
    elements = _same_name(elements)
    return _Group(opening, closing, tuple(elements))


def _both_signs(element: str) -> list[str]:
    r"""Return `a+b` and `a-b` for `a\pm b`."""
    signs = list(_PLUS_MINUS.finditer(element))
    if len(signs) != 1 or _RELATION.search(element[signs[0].start() :]):
        return [element]
    before, after = element[: signs[0].start()], element[signs[0].end() :]
    return [f"{before}{'+' if before and not before.endswith('=') else ''}{after}", f"{before}-{after}"]


def _described(gold: str, answer: str) -> tuple[Expression, Expression] | None:
    r"""Return both sides with `\{x|1<x\}` as the relation in it; None if no side is described so."""
    found = [_DESCRIBED.fullmatch(one) for one in (gold, answer)]
    if not any(found):
        return None
    mine, theirs = (match[1] if match else one for match, one in zip(found, (gold, answer), strict=True))
    return expression(mine), expression(theirs)


def _same_integer(gold: str, answer: str) -> tuple[Expression, Expression] | None:
    r"""Return `a+n\pi,n\in\mathbb{Z}` and `a+k\pi,k\in\mathbb{Z}` with one name for the integer; None for others."""
    mine, theirs = _INTEGER_NAME.fullmatch(gold), _INTEGER_NAME.fullmatch(answer)
    if not mine or not theirs:
        return None
    renamed = re.sub(rf"(?<![\\A-Za-z]){theirs[2]}(?![A-Za-z])", mine[2], theirs[1])
    return expression(mine[1]), expression(renamed)


def _same_name(elements: list[str]) -> list[str]:
    """Return `x=1,2` and `x=1,x=2` as `1,2`."""
    names = [_ASSIGNED.match(one) for one in elements]
    first = names[0]
    if first is None or any(found is not None and found[1] != first[1] for found in names):
        return elements
    if any(found is None and _RELATION.search(one) for found, one in zip(names, elements, strict=True)):
        return elements
    return [found[2] if found else one for found, one in zip(names, elements, strict=True)]


def _balanced(text: str) -> bool:
    depth = 0
    for character in text:
        if character in _OPEN:
            depth += 1
        elif character in _CLOSE:
            depth -= 1
            if depth < 0:
                return False
    return depth == 0


def _split(text: str, separator: str) -> list[str]:
    """Split a text at separators outside of brackets."""
    parts, depth, start = [], 0, 0
    for index, character in enumerate(text):
        if character in _OPEN:
            depth += 1
        elif character in _CLOSE:
            depth -= 1
        elif character == separator and depth == 0:
            parts.append(text[start:index])
            start = index + 1
    return [*parts, text[start:]]
