"""A circuit breaker: an endpoint that fails again and again is left alone for a while, then tried with one request."""

from __future__ import annotations

from enum import Enum

_FIRST_S, _LONGEST_S = 1.0, 60.0
"""How long an endpoint is left alone the first time; each further time is twice as long, up to the longest."""
_LOOK_AGAIN_S = 0.25
"""How long others wait before they ask what became of the one request that tries the endpoint."""


class Outcome(Enum):
    """What a request says of its endpoint."""

    WORKED = "worked"
    """It answered, were it only to refuse this request."""
    FAILED = "failed"
    """It did not answer, or has an error, or takes no request by this key."""
    UNKNOWN = "unknown"
    """Nothing: the request was given up, or came too early."""
    UNSENT = "unsent"
    """Nothing: it was not sent, and costs nothing."""


class Breaker:
    """Says whether an endpoint is out. The time is handed in.

    Args:
        out_after: Failures in a row after which it is; None: never.
    """

    def __init__(self, out_after: int | None) -> None:
        self.out_after = out_after
        self._failures = 0
        self._until: float | None = None
        self._pause_s = _FIRST_S
        self._trying = False

    @property
    def out(self) -> bool:
        """Whether it has failed so often that it must prove itself."""
        return self._until is not None

    def closed_for(self, now: float) -> float:
        """Return the seconds for which no request may go; 0 if one may go now."""
        if self._until is None:
            return 0.0
        if self._trying:
            return _LOOK_AGAIN_S
        return max(0.0, self._until - now)

    def go(self) -> None:
        """Note that a request goes: if the endpoint is out, the one that tries it."""
        self._trying = self.out

    def note(self, outcome: Outcome, now: float) -> None:
        """Note what became of a request."""
        if outcome is Outcome.WORKED:
            self._failures, self._until, self._pause_s, self._trying = 0, None, _FIRST_S, False
        elif outcome is not Outcome.FAILED:
            self._trying = False
        else:
            self._failures += 1
            # Those that were sent before it was out say nothing new.
            news = self._trying or not self.out
            if self.out_after is not None and news and self._failures >= self.out_after:
                self._until = now + self._pause_s
                self._pause_s = min(_LONGEST_S, 2 * self._pause_s)
                self._trying = False
