"""What goes on at each endpoint, as seen from this process: for whoever watches it from outside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from weakref import WeakSet

from reward_fn.judges.llm.permits import Permits


@dataclass(slots=True)
class Traffic:
    """The requests of all clients of this process for one model at one place; all but the first two only grow.

    Attributes:
        waiting: Requests that wait for their turn. Those of a client with several endpoints do not know yet where they
            will go: they wait, and are repeated, at all its endpoints together, which count as a place of their own.
        in_flight: Requests that are sent and not answered.
        requests: Requests that were sent.
        retries: Those that repeated a failed one.
        failures: Requests without a usable answer, by the kind of failure.
        tokens: Tokens of questions and answers.
        cost: Dollars.
        out: Whether it is left alone since it has failed too often.
    """

    waiting: int = 0
    in_flight: int = 0
    requests: int = 0
    retries: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    tokens: int = 0
    cost: float = 0.0
    out: bool = False

    def __add__(self, other: Traffic) -> Traffic:
        """Return the traffic of both."""
        return Traffic(
            self.waiting + other.waiting,
            self.in_flight + other.in_flight,
            self.requests + other.requests,
            self.retries + other.retries,
            self.failures + other.failures,
            self.tokens + other.tokens,
            self.cost + other.cost,
            self.out or other.out,
        )


Place = tuple[str, str]
"""A model and its URL, or URLs."""

_traffic: dict[Place, Traffic] = {}
_permits: dict[Place, WeakSet[Permits]] = {}
"""Those of each place, in all event loops; they know whether it is out."""


def _place(model: str, urls: Sequence[str]) -> Place:
    return model, " or ".join(urls)


def traffic_of(model: str, urls: Sequence[str]) -> Traffic:
    """Return the traffic of a model behind one URL, or behind several together."""
    return _traffic.setdefault(_place(model, urls), Traffic())


def note_permits(model: str, url: str, permits: Permits) -> None:
    """Note which permits are those of a model behind a URL."""
    _permits.setdefault(_place(model, [url]), WeakSet()).add(permits)


def all_traffic() -> dict[Place, Traffic]:
    """Return the traffic of this process as it is now."""
    return {
        place: replace(
            traffic,
            failures=Counter(traffic.failures),
            out=any(permits.out for permits in list(_permits.get(place, ()))),
        )
        for place, traffic in list(_traffic.items())
    }
