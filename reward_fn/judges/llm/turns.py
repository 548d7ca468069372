"""Whose turn it is: jobs in turn, in a job the more urgent first, then its processes in turn, each in its order.

A job cannot get more than its share by calling everything urgent, nor a process by asking for much at once.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from reward_fn.schema import RewardError


class NoTurnError(RewardError):
    """A request got no turn: too many wait, or no endpoint takes requests for longer than one waits."""


@dataclass(frozen=True, slots=True)
class Waiter:
    """One that waits for its turn.

    Attributes:
        number: Its number, unique for its client.
        tokens: What its request is thought to take.
        priority: How urgent it is; 0 first.
        client: Who asks for it, such as a process.
        job: What it works for.
    """

    number: int
    tokens: int
    priority: int
    client: str = ""
    job: str = ""


_Clients = OrderedDict[str, OrderedDict[int, Waiter]]
"""Those of one urgency in a job, by client."""


class Turns:
    """All that wait. Adding, removing and the next in turn take constant time."""

    def __init__(self) -> None:
        self._jobs: OrderedDict[str, dict[int, _Clients]] = OrderedDict()

    def __bool__(self) -> bool:
        """Whether any waits."""
        return bool(self._jobs)

    def add(self, waiter: Waiter) -> None:
        """Let one wait behind those of its client."""
        clients = self._jobs.setdefault(waiter.job, {}).setdefault(waiter.priority, OrderedDict())
        clients.setdefault(waiter.client, OrderedDict())[waiter.number] = waiter

    def first(self) -> Waiter:
        """Return the one whose turn it is.

        Raises:
            StopIteration: None waits.
        """
        levels = next(iter(self._jobs.values()))
        queue = next(iter(levels[min(levels)].values()))
        return next(iter(queue.values()))

    def went(self, waiter: Waiter) -> None:
        """Take away the one whose turn it was; its client and its job are last in turn now."""
        self.remove(waiter)
        levels = self._jobs.get(waiter.job)
        if levels is None:
            return
        self._jobs.move_to_end(waiter.job)
        clients = levels.get(waiter.priority)
        if clients is not None and waiter.client in clients:
            clients.move_to_end(waiter.client)

    def remove(self, waiter: Waiter) -> None:
        """Take one away that waits no longer, if it is there."""
        levels = self._jobs.get(waiter.job, {})
        clients = levels.get(waiter.priority)
        queue = clients.get(waiter.client) if clients else None
        if clients is None or queue is None or queue.pop(waiter.number, None) is None or queue:
            return
        del clients[waiter.client]
        if not clients:
            del levels[waiter.priority]
        if not levels:
            del self._jobs[waiter.job]

    def clear(self) -> list[Waiter]:
        """Take all away, and return them."""
        waiters = [
            waiter
            for levels in self._jobs.values()
            for clients in levels.values()
            for queue in clients.values()
            for waiter in queue.values()
        ]
        self._jobs.clear()
        return waiters
