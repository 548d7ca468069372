"""What may go to an endpoint now: its rates, what is in flight, the pauses it asked for, and whether it is out."""

from __future__ import annotations

import math

from reward_fn.judges.llm.breaker import Breaker, Outcome
from reward_fn.judges.llm.bucket import Bucket
from reward_fn.judges.llm.limits import Limits

_BURST_S = 0.5
"""After a lull, so many seconds' worth of requests may go at once: little, since many endpoints count by the second."""


class Budget:
    """The budget of one model behind one URL and key. The time is handed in.

    It starts empty but for one request: who restarts it often gains nothing by it.

    Args:
        limits: What it keeps.
        now: The time in seconds, by any clock that does not go back.
    """

    def __init__(self, limits: Limits, now: float) -> None:
        self.in_flight = 0
        self._resume = now
        self._breaker = Breaker(None)
        self._requests: Bucket | None = None
        self._tokens: Bucket | None = None
        self._limits = Limits()
        self.restrict(limits, now)

    def restrict(self, limits: Limits, now: float) -> None:
        """Keep these limits as well as those before."""
        before, self._limits = self._limits, self._limits.strictest(limits)
        self._breaker.out_after = self._limits.out_after
        if self._limits.requests_per_minute != before.requests_per_minute:
            self._requests = _bucket(self._limits.requests_per_minute, self._requests, 1.0, now)
        if self._limits.tokens_per_minute != before.tokens_per_minute:
            self._tokens = _bucket(self._limits.tokens_per_minute, self._tokens, 0.0, now)

    @property
    def out(self) -> bool:
        """Whether the endpoint has failed so often that it must prove itself."""
        return self._breaker.out

    def closed_for(self, now: float) -> float:
        """Return the seconds for which nothing may go, because the endpoint is out or wants a pause; or 0."""
        return max(self._resume - now, self._breaker.closed_for(now), 0.0)

    def wait(self, tokens: int, now: float) -> float:
        """Return the seconds until a request of so many tokens may go; infinity if another one must come back first."""
        most = self._limits.max_in_flight
        if most is not None and self.in_flight >= most:
            return math.inf
        wait = self.closed_for(now)
        if self._requests is not None:
            wait = max(wait, self._requests.wait(1.0, now))
        if self._tokens is not None:
            wait = max(wait, self._tokens.wait(tokens, now))
        return wait

    def take(self, tokens: int, now: float) -> None:
        """Let a request go."""
        self.in_flight += 1
        self._breaker.go()
        self._charge(1.0, tokens, now)

    def settle(self, tokens: int, used: int | None, outcome: Outcome, now: float) -> None:
        """Take a request back.

        Args:
            tokens: What it was thought to take when it went.
            used: What it took; None if that is not known, and then it was what it was thought to be.
            outcome: What became of it.
            now: The time.
        """
        self.in_flight -= 1
        self._breaker.note(outcome, now)
        if outcome is Outcome.UNSENT:
            self._charge(-1.0, -tokens, now)
        elif used is not None:
            self._charge(0.0, used - tokens, now)

    def hold(self) -> None:
        """Count a request that was let go before this budget was made."""
        self.in_flight += 1

    def pause(self, seconds: float, now: float) -> None:
        """Let nothing go for so long."""
        self._resume = max(self._resume, now + seconds)

    def _charge(self, requests: float, tokens: int, now: float) -> None:
        if self._requests is not None and requests:
            self._requests.take(requests, now)
        if self._tokens is not None and tokens:
            self._tokens.take(tokens, now)


def _bucket(per_minute: float | None, before: Bucket | None, start: float, now: float) -> Bucket | None:
    if per_minute is None:
        return None
    per_second = per_minute / 60
    return Bucket(per_second, max(1.0, per_second * _BURST_S), before.level(now) if before else start, now)
