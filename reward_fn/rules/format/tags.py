"""Tags in an answer, found in one pass.

A regular expression for `<think>…</think>` backtracks: many opening tags take it quadratic time, and many tool calls
exponential time. A policy finds such texts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pydantic import Field, field_validator, model_validator

from reward_fn.base import READ, BaseRuleReward, Read


@dataclass(frozen=True, slots=True)
class Block:
    """A pair of tags and what stands in it."""

    name: str
    content: str
    start: int
    end: int


def tag_name(value: str) -> str:
    """Return a tag's name as it is.

    Raises:
        ValueError: It cannot stand in a tag.
    """
    if not value or any(mark in value for mark in "<>/") or any(map(str.isspace, value)):
        raise ValueError(f"{value!r} is no name of a tag: write the word between the brackets, such as think")
    return value


class ThoughtTagReward(BaseRuleReward):
    """A rule about the tags of a response.

    `think_prefilled`, the name of `thought_opened` in version 0.1, is accepted as well.
    """

    read: Read = Field("whole", description=READ)
    think_token: str = Field("think", description="the tag of the thought")

    _name = field_validator("think_token")(tag_name)

    @model_validator(mode="before")
    @classmethod
    def _renamed(cls, fields: Any) -> Any:  # noqa: ANN401 - pydantic's signature
        if not isinstance(fields, dict) or "think_prefilled" not in fields:
            return fields
        if "thought_opened" in fields:
            raise ValueError("think_prefilled is the old name of thought_opened; write only the new one")
        return {("thought_opened" if key == "think_prefilled" else key): value for key, value in fields.items()}


@lru_cache(maxsize=64)
def _tags(names: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("<(/?)(" + "|".join(map(re.escape, names)) + ")>")


def blocks(text: str, names: Sequence[str]) -> list[Block] | str:
    """Read all pairs of tags of some names.

    Args:
        text: The answer.
        names: The names of the tags; other tags are text.

    Returns:
        The pairs in their order; or what is wrong with the tags: one that is not opened, not closed, or inside
        another.
    """
    found: list[Block] = []
    opened: re.Match[str] | None = None
    for tag in _tags(tuple(names)).finditer(text):
        closing, name = tag.groups()
        if opened is None:
            if closing:
                return f"</{name}> is not opened"
            opened = tag
        elif closing and name == opened[2]:
            found.append(Block(name, text[opened.end() : tag.start()], opened.start(), tag.end()))
            opened = None
        else:
            return f"<{closing}{name}> is inside <{opened[2]}>"
    return f"<{opened[2]}> is not closed" if opened is not None else found


def outside(text: str, found: Sequence[Block]) -> str:
    """Return what stands outside all blocks."""
    ends = [0, *(block.end for block in found)]
    starts = [*(block.start for block in found), len(text)]
    return "".join(text[end:start] for end, start in zip(ends, starts, strict=True))


def thoughts(text: str, name: str, *, opened: bool = False) -> list[str]:
    """Return what stands in the tags of a name, however badly they are set.

    Args:
        text: The answer.
        name: The tag's name.
        opened: Whether the text begins inside the tag.

    Returns:
        One text for each opening tag: up to the next closing tag, or to the end if there is none.
    """
    opening, closing = f"<{name}>", f"</{name}>"
    found = []
    start = 0 if opened else _after(text, opening, 0)
    while start >= 0:
        end = text.find(closing, start)
        found.append(text[start:] if end < 0 else text[start:end])
        start = -1 if end < 0 else _after(text, opening, end)
    return found


def _after(text: str, part: str, start: int) -> int:
    found = text.find(part, start)
    return found if found < 0 else found + len(part)
