"""What a piece of work asks of LLMs, whichever clients it asks: how long it waits, and what it pays."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(slots=True)
class Spent:
    """What was spent on requests; of requests side by side, the seconds add up.

    Attributes:
        waited_s: Seconds that they waited for their turn, also if it did not come.
        worked_s: Seconds that they were in flight.
        tokens: Tokens of questions and answers, as the server counts them.
        cost: Dollars, by the prices that the clients were given.
    """

    waited_s: float = 0.0
    worked_s: float = 0.0
    tokens: int = 0
    cost: float = 0.0


_spent: ContextVar[Spent | None] = ContextVar("spent", default=None)


@contextmanager
def counted_requests() -> Iterator[Spent]:
    """Count what is spent inside the block, in the tasks and threads' loops that it starts as well."""
    spent = Spent()
    token = _spent.set(spent)
    try:
        yield spent
    finally:
        _spent.reset(token)


def now_spent() -> Spent:
    """Return the count of the innermost block; outside of all, one that nobody reads."""
    return _spent.get() or Spent()
