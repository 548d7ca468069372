"""Fenced blocks in Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator

_FENCE = re.compile(r"\n[ \t]*(`{3,}|~{3,})([^\n`]*)$", re.MULTILINE)
"""A line, with the end of the one before: the engine looks for one leading character quickly."""


def fenced(text: str) -> Iterator[tuple[str, str]]:
    """Yield the fenced blocks of a text, each as its language in lower case and its content.

    As in CommonMark, a fence ends a block if it is of the same character, at least as long and without a language; a
    block that is not ended goes to the end of the text. Unlike there, fences may be indented by any width.
    """
    text = f"\n{text}"
    opened: re.Match[str] | None = None
    for fence in _FENCE.finditer(text):
        if opened is None:
            opened = fence
        elif fence[1].startswith(opened[1]) and not fence[2].strip():
            yield _language(opened), text[opened.end() + 1 : fence.start() + 1]
            opened = None
    if opened is not None:
        yield _language(opened), text[opened.end() + 1 :]


def _language(fence: re.Match[str]) -> str:
    return (fence[2].split() or [""])[0].lower()
