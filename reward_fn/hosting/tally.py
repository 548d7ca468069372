"""What this process has scored, by reward and route: for whoever watches it from outside."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from reward_fn.hosting.sketch import Sketch


class Took(NamedTuple):
    """What it took to score one answer.

    Attributes:
        seconds: From the call to the result.
        queue_s: Seconds in queues: for a worker process, for a request's turn, for the answers to compare with.
        work_s: Seconds at work in worker processes, and of requests in flight; of those side by side, they add up.
        asked: Look-ups in caches.
        found: Those that found something.
        tokens: Tokens of LLMs.
        cost: Dollars, by the prices of the LLMs' clients.
    """

    seconds: float = 0.0
    queue_s: float = 0.0
    work_s: float = 0.0
    asked: float = 0.0
    found: float = 0.0
    tokens: float = 0.0
    cost: float = 0.0

    def of_each(self, answers: int) -> Took:
        """Return what is of each of several answers that were judged together; the time was that of all."""
        return Took(self.seconds, *(figure / answers for figure in self[1:]))

    def and_of(self, other: Took) -> Took:
        """Return what both took together."""
        return Took(*(figure + more for figure, more in zip(self, other, strict=True)))


@dataclass(slots=True)
class Tally:
    """The counts of a reward on a route; all but the first only grow.

    Attributes:
        in_flight: Answers that are being scored.
        scored: Answers that have a score.
        failures: Those that have none, by the kind of failure.
        seconds: What each of both took, from the call to the result.
        total: What all of both took.
    """

    in_flight: int = 0
    scored: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    seconds: Sketch = field(default_factory=Sketch)
    total: Took = field(default_factory=Took)

    def __add__(self, other: Tally) -> Tally:
        """Return the tally of both."""
        return Tally(
            self.in_flight + other.in_flight,
            self.scored + other.scored,
            self.failures + other.failures,
            self.seconds + other.seconds,
            self.total.and_of(other.total),
        )


Key = tuple[str, str]
"""A reward's name, and its route."""

_lock = threading.Lock()
_tallies: dict[Key, Tally] = {}


@contextmanager
def in_flight(key: Key) -> Iterator[int]:
    """Count an answer as being scored; the number is that of all that this process scores now, itself included."""
    with _lock:
        tally = _tallies.setdefault(key, Tally())
        tally.in_flight += 1
        number = sum(one.in_flight for one in _tallies.values())
    try:
        yield number
    finally:
        with _lock:
            tally.in_flight -= 1


def count(key: Key, took: Took, failure: str | None) -> None:
    """Count an answer that has its result: what it took, and why it has no score, if it has none."""
    with _lock:
        tally = _tallies.setdefault(key, Tally())
        if failure is None:
            tally.scored += 1
        else:
            tally.failures[failure] += 1
        tally.seconds.add(took.seconds)
        tally.total = tally.total.and_of(took)


def all_tallies() -> dict[Key, Tally]:
    """Return the tallies of this process as they are now."""
    with _lock:
        return {
            key: replace(tally, failures=Counter(tally.failures), seconds=tally.seconds + Sketch())
            for key, tally in _tallies.items()
        }
