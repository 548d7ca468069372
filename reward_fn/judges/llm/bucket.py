"""A budget that fills with time: so much a second, and no more in store than its burst.

The time is handed in, so that what is true of it can be tested without waiting.
"""

from __future__ import annotations

_ROUNDING = 1e-9
"""A level that is short by no more than this is there: times and levels are floats."""


class Bucket:
    """So many requests or tokens a second.

    In any stretch of time no more is taken than `per_second` times its length, and once `burst` or the largest single
    amount, whichever is more.

    Args:
        per_second: How fast it fills; above 0.
        burst: What it holds at most.
        level: What is in it now.
        now: The time in seconds, by any clock that does not go back.
    """

    def __init__(self, per_second: float, burst: float, level: float, now: float) -> None:
        self._per_second, self._burst = per_second, burst
        self._level, self._at = min(level, burst), now

    def wait(self, amount: float, now: float) -> float:
        """Return the seconds until so much can be taken; 0 if it can be now.

        What is more than the bucket ever holds goes when it is full, and leaves it below zero.
        """
        missing = min(amount, self._burst) - self.level(now)
        return missing / self._per_second if missing > _ROUNDING else 0.0

    def take(self, amount: float, now: float) -> None:
        """Take so much, or give it back if it is negative; what turns out later may bring the level below zero."""
        self._level = min(self._burst, self.level(now) - amount)

    def level(self, now: float) -> float:
        """Return what is in it."""
        if now > self._at:
            self._level = min(self._burst, self._level + (now - self._at) * self._per_second)
            self._at = now
        return self._level
