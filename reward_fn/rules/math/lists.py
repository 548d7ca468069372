r"""Lists, tuples, sets, intervals and vectors: the elements of a normal form, and the brackets around them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from reward_fn.rules.math.brackets import balanced, split
from reward_fn.rules.math.equations import RELATION, same_name
from reward_fn.rules.math.expressions import Expression, expression

_VECTOR = re.compile(r"\\begin\{[pbv]?matrix\}((?:(?!\\begin).)*)\\end\{[pbv]?matrix\}")
_SAME_BRACKETS = {"{": (r"\{", r"\}"), r"\langle": ("(", ")")}
_DESCRIBED = re.compile(r"\\\{[A-Za-z](?:\\in\s?\\mathbb\{R\})?\|(.+)\\\}", re.DOTALL)
_INTEGER_NAME = re.compile(r"(.+?),?\(?([A-Za-z])\\in\s?(?:\\mathbb\{Z\}|\\mathbf\{Z\}|Z)\)?", re.DOTALL)
_PLUS_MINUS = re.compile(r"\\(?:pm|mp)(?![A-Za-z])\s?")
_OPERATORS = re.compile(r"\\(?:cup|cap|setminus|times|cdot|to)(?![A-Za-z])")


@dataclass(frozen=True, slots=True)
class Group:
    """Elements in brackets, or without them: a list whose brackets are empty texts."""

    opening: str
    closing: str
    elements: tuple[str, ...]

    @property
    def ordered(self) -> bool:
        """Whether the order of the elements matters."""
        return self.opening in ("(", "[")


def group(text: str) -> Group | None:
    r"""Return the elements of `a,b`, `(a,b)`, `[a,b)`, `\{a,b\}`; None for what is no list."""
    opening, closing, inner = "", "", text
    if (vector := _VECTOR.fullmatch(text)) is not None:
        parts = [part for part in re.split(r"\\\\|&", vector[1]) if part]
        if "&" not in vector[1] or r"\\" not in vector[1].rstrip("\\"):
            return Group("(", ")", tuple(parts))
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
            if balanced(candidate):
                opening, closing, inner = start, end, candidate
                break
    elements = [part.strip() for part in split(inner, ",")]
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
    elements = same_name(elements)
    return Group(opening, closing, tuple(elements))


def _both_signs(element: str) -> list[str]:
    r"""Return `a+b` and `a-b` for `a\pm b`."""
    signs = list(_PLUS_MINUS.finditer(element))
    if len(signs) != 1 or RELATION.search(element[signs[0].start() :]):
        return [element]
    before, after = element[: signs[0].start()], element[signs[0].end() :]
    return [f"{before}{'+' if before and not before.endswith('=') else ''}{after}", f"{before}-{after}"]


def described(gold: str, answer: str) -> tuple[Expression, Expression] | None:
    r"""Return both sides with `\{x|1<x\}` as the relation in it; None if no side is described so."""
    found = [_DESCRIBED.fullmatch(one) for one in (gold, answer)]
    if not any(found):
        return None
    mine, theirs = (match[1] if match else one for match, one in zip(found, (gold, answer), strict=True))
    return expression(mine), expression(theirs)


def same_integer(gold: str, answer: str) -> tuple[Expression, Expression] | None:
    r"""Return `a+n\pi,n\in\mathbb{Z}` and `a+k\pi,k\in\mathbb{Z}` with one name for the integer; None for others."""
    mine, theirs = _INTEGER_NAME.fullmatch(gold), _INTEGER_NAME.fullmatch(answer)
    if not mine or not theirs:
        return None
    renamed = re.sub(rf"(?<![\\A-Za-z]){theirs[2]}(?![A-Za-z])", mine[2], theirs[1])
    return expression(mine[1]), expression(renamed)
