"""What a client has asked for and what it cost."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from reward_fn.schema import FailureKind


@dataclass(slots=True)
class Usage:
    """Counts of one client in one process.

    Attributes:
        requests: Requests that were sent, repetitions and hedges among them.
        retries: Those that repeated a failed one.
        hedges: Those that were sent beside one that took long.
        cache_hits: Answers that came from the cache and cost nothing.
        prompt_tokens: Tokens of questions, as the server counts them.
        completion_tokens: Tokens of answers, as the server counts them.
        cost: Dollars, by the prices that the client was given.
        failures: Requests without a usable answer, by the kind of failure; those that a repetition mended too.
        most_in_flight: The most requests that were waited for at a time.
        waiting: Requests that wait for their turn now.
        waited_s: Seconds that requests have waited for their turn, also if it did not come.
    """

    requests: int = 0
    retries: int = 0
    hedges: int = 0
    cache_hits: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0
    failures: Counter[FailureKind] = field(default_factory=Counter)
    most_in_flight: int = 0
    waiting: int = 0
    waited_s: float = 0.0
