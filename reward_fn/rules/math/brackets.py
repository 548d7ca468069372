"""Brackets of a formula: whether they match, and splitting outside of them."""

from __future__ import annotations

_OPEN, _CLOSE = "([{", ")]}"


def balanced(text: str) -> bool:
    """Return whether every bracket is closed, and none before it is opened; their kinds may differ."""
    depth = 0
    for character in text:
        if character in _OPEN:
            depth += 1
        elif character in _CLOSE:
            depth -= 1
            if depth < 0:
                return False
    return depth == 0


def split(text: str, separator: str) -> list[str]:
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
