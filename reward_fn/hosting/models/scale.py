"""How many replicas a model is to have."""

from __future__ import annotations

import math

from reward_fn.hosting.models.settings import ModelSettings


class Scale:
    """Follows the load between the bounds: up at once, since loading takes long, and down when it was less for long.

    The time is handed in.

    Args:
        settings: The bounds, and what a replica is to have.
        replicas: How many there are.
        now: The time in seconds, by any clock that does not go back.
    """

    def __init__(self, settings: ModelSettings, replicas: int, now: float) -> None:
        self._settings = settings
        self._wanted = self._within(replicas)
        self._needed_at = now

    def wanted(self, load: int, now: float) -> int:
        """Return how many replicas there are to be.

        Args:
            load: Requests that wait or are in flight.
            now: The time.
        """
        need = self._within(math.ceil(load / self._settings.per_replica))
        if need >= self._wanted or now - self._needed_at >= self._settings.idle_s:
            self._wanted, self._needed_at = need, now
        return self._wanted

    def _within(self, replicas: int) -> int:
        return min(max(replicas, self._settings.min_replicas), self._settings.most)
