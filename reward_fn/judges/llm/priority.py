"""How urgent requests are, as their caller says it: training waits for its rewards, validation can wait a little."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal, get_args

Priority = Literal["training", "validation"]
PRIORITIES: tuple[Priority, ...] = get_args(Priority)
"""The most urgent first."""
_now: ContextVar[Priority] = ContextVar("priority", default="training")


@contextmanager
def priority(of: Priority) -> Iterator[None]:
    """Give all requests that are made inside this priority; without it they are of training.

    Raises:
        ValueError: There is no such priority.
    """
    if of not in PRIORITIES:
        raise ValueError(f"there is no priority {of!r}; there are {', '.join(PRIORITIES)}")
    token = _now.set(of)
    try:
        yield
    finally:
        _now.reset(token)


def current_priority() -> int:
    """Return the priority as a number; 0 is the most urgent."""
    return PRIORITIES.index(_now.get())
