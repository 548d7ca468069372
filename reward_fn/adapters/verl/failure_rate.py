"""The share of rewards that failed of late, and the end of a run that would train on noise."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict, Field


class TooManyFailuresError(RuntimeError):
    """Training ends, as too many rewards fail."""


class FailureLimit(BaseModel):
    """How many of the last rewards may fail."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rate: float = Field(default=0.5, gt=0, le=1, description="the share that may fail")
    window: int = Field(default=256, ge=1, description="of so many of the last ones; fewer are not judged")


class FailureRate:
    """Counts failures among the last of a kind of things.

    Args:
        what: Their name, in the plural.
        limit: How many may fail; None counts nothing.
    """

    def __init__(self, what: str, limit: FailureLimit | None) -> None:
        self._what, self._limit = what, limit
        self._last: deque[str | None] = deque(maxlen=limit.window if limit else 0)

    def add(self, failures: Iterable[str | None]) -> None:
        """Count some more.

        Args:
            failures: For each thing why it failed, or None if it did not.

        Raises:
            TooManyFailuresError: More failed than may; the message is the report.
        """
        if self._limit is None:
            return
        self._last.extend(failures)
        kinds = Counter(kind for kind in self._last if kind is not None)
        count = kinds.total()
        if len(self._last) == self._limit.window and count > self._limit.rate * self._limit.window:
            told = ", ".join(f"{number} x {kind}" for kind, number in kinds.most_common())
            raise TooManyFailuresError(
                f"{count} of the last {self._limit.window} {self._what} have no reward ({told}), and at most "
                f"{self._limit.rate:.0%} may; the run ends here rather than learn from the rest. The last checkpoint "
                "is untouched: repair the reward and start again, or raise "
                "reward.custom_reward_function.reward_kwargs.failure_limit.rate"
            )
