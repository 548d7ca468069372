r"""Equations that give a value: which names and values they have, and which are still to be solved.

Example:
    >>> without_names("5", "x=2+3=5")
    ('5', '5')
    >>> without_names("25", "5x=25")  # no answer
    ('25', '')
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from reward_fn.rules.math.brackets import split
from reward_fn.rules.math.expressions import expression

_ASSIGNED = re.compile(
    r"^([A-Za-z](?:_\w|_\{\w+\})?(?:\([A-Za-z](?:,[A-Za-z])*\))?|\\[a-z]+)(?:=|\\(?:in|equiv)(?![A-Za-z])\s?)(?![=])(.+)$",
    re.DOTALL,
)
RELATION = re.compile(r"=|<|>|\\(?:le|ge|ne|in|approx|equiv)(?![A-Za-z])")
_EQUATION = re.compile(r"(?<![<>\\])=")
_GREEK = r"\\(?:alpha|beta|gamma|delta|theta|lambda|mu|phi|rho|sigma|tau|omega|ell|epsilon)(?![a-z])"
_TERM = (
    r"(?:\\(?:sin|cos|tan|cot|sec|csc|angle|triangle|overline|measuredangle|text|mathrm|Delta|alpha|beta|theta|gamma)"
    rf"|m(?=\\angle))*\s?(?:[A-Za-z]+|{_GREEK}|\{{[A-Za-z]+\}}|\|[A-Za-z]{{2,}}\||\[[A-Z]+\])"
    r"(?:_(?:\w|\{[^{}]*\}))?'*(?:\([^()=]*\)|\{[A-Za-z]+\})*"
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
_TUPLE_NAMES = re.compile(r"\(([A-Za-z](?:,[A-Za-z])+)\)=\(([^=()]+)\)")


def without_names(gold: str, answer: str) -> tuple[str, str]:
    """Drop the name of a variable that has the value, where only one side has one or both have the same.

    An equation that gives no value, such as `2x=5`, is no answer where the gold is a value.
    """
    gold, answer = _spread(gold, answer), _spread(answer, gold)
    mine, theirs = _ASSIGNED.match(gold), _ASSIGNED.match(answer)
    if mine and theirs and mine[1] == theirs[1] and not (_more(mine[2]) or _more(theirs[2])):
        return mine[2], theirs[2]
    if mine and not RELATION.search(answer) and not _more(mine[2]):
        return mine[2], answer
    if theirs and not RELATION.search(gold) and not _more(theirs[2]):
        return gold, theirs[2]
    if not RELATION.search(gold) and _EQUATION.search(answer) and not _inequality(answer):
        sides = [side for side in split(answer, "=") if side]
        if len(sides) > 1 and len(split(answer, ",")) == 1:
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


def other_names(gold: str, answer: str) -> bool:
    """Return whether both sides give a value to variables of other names, such as `x=3` and `y=3`."""
    mine, theirs = _ASSIGNED.match(gold), _ASSIGNED.match(answer)
    if not mine or not theirs or mine[1].casefold() == theirs[1].casefold() or "," in gold or "," in answer:
        return False
    return mine[1] not in theirs[2] and theirs[1] not in mine[2]


def _more(text: str) -> bool:
    """Return whether a value holds another relation, outside of brackets."""
    return any(RELATION.search(part) for part in split(text, ",")) if RELATION.search(text) else False


def _inequality(text: str) -> bool:
    return re.search(r"<|>|\\(?:le|ge|ne|in|approx|equiv)(?![A-Za-z])", text) is not None


def same_name(elements: list[str]) -> list[str]:
    """Return `x=1,2` and `x=1,x=2` as `1,2`."""
    names = [_ASSIGNED.match(one) for one in elements]
    first = names[0]
    if first is None or any(found is not None and found[1] != first[1] for found in names):
        return elements
    if any(found is None and RELATION.search(one) for found, one in zip(names, elements, strict=True)):
        return elements
    return [found[2] if found else one for found, one in zip(names, elements, strict=True)]
