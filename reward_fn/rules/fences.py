"""Fenced blocks in Markdown."""

from __future__ import annotations

from collections.abc import Iterator

from reward_fn.base.final_answer import Fence, fences, next_fence


def fenced(text: str) -> Iterator[tuple[str, str]]:
    """Yield the fenced blocks of a text, each as its language in lower case and its content.

    As in CommonMark, a fence ends a block if it is of the same character, at least as long and without a language; a
    block that is not ended goes to the end of the text. Unlike there, fences may be indented by any width.
    """
    opened: Fence | None = None
    for fence in fences(text):
        following = next_fence(opened, fence)
        if opened is not None and following is None:
            yield _language(opened), text[opened.end + 1 : fence.start]
        opened = following
    if opened is not None:
        yield _language(opened), text[opened.end + 1 :]


def _language(fence: Fence) -> str:
    return (fence.info.split() or [""])[0].lower()
