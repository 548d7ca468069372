"""Where a model's servers are and who uses them, as its controller knows it. The time is handed in."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

LEASE_S = 10.0
"""A process that says nothing for so long is gone, and has no requests."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What users are told.

    Attributes:
        version: Another one with each change.
        addresses: URL, key and weight of each server that takes requests.
        trouble: Why there are not more; empty if nothing is the matter.
        hopeless: Whether it is of no use to wait for a server.
    """

    version: int
    addresses: tuple[tuple[str, str, float], ...] = ()
    trouble: str = ""
    hopeless: bool = False


@dataclass(slots=True)
class _User:
    """A process that uses the model."""

    heard: float
    seen: int = 0
    waiting: int = 0
    in_flight: Mapping[str, int] = field(default_factory=dict)


class Users:
    """The processes that use a model, and what they have of it."""

    def __init__(self) -> None:
        self._users: dict[str, _User] = {}

    def heard(self, name: str, seen: int, waiting: int, in_flight: Mapping[str, int], now: float) -> None:
        """Note what a process says.

        Args:
            name: Its name for itself.
            seen: The version of the listing that it goes by.
            waiting: Its requests that wait.
            in_flight: Its requests in flight, by URL.
            now: The time.
        """
        self._users[name] = _User(now, seen, waiting, in_flight)

    def forget(self, now: float) -> None:
        """Forget those that have not said anything for long."""
        for name in [name for name, user in self._users.items() if now - user.heard > LEASE_S]:
            del self._users[name]

    @property
    def waiting(self) -> int:
        """Requests that wait."""
        return sum(user.waiting for user in self._users.values())

    def in_flight(self, urls: Collection[str] | None = None) -> int:
        """Return the requests in flight, at some URLs or at all."""
        return sum(
            count for user in self._users.values() for url, count in user.in_flight.items() if not urls or url in urls
        )

    def have_left(self, url: str, version: int) -> bool:
        """Return whether nobody uses a URL any more that is not listed since a version."""
        know = all(user.seen >= version for user in self._users.values())
        return know and not self.in_flight([url])
