"""Which node of a cluster gets the next job."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

AHEAD = 4
"""Jobs that one process has at a node at a time, for each worker there: some at work, some on their way."""


@dataclass(slots=True, eq=False)
class Node:
    """A node and what is known of its workers.

    Attributes:
        name: The node, as Ray names it.
        actor: The handle of the actor that has its workers.
        workers: How many it has, 1 or more.
        own: Whether it is the node of this process.
        mine: Jobs of this process that are there.
        others: Jobs of other processes, as it said with its last answer.
    """

    name: str
    actor: Any
    workers: int
    own: bool
    mine: int = 0
    others: int = 0

    @property
    def load(self) -> float:
        """Return the jobs for each worker."""
        return (self.mine + self.others) / self.workers

    @property
    def has_room(self) -> bool:
        """Return whether this process may send it another job."""
        return self.mine < AHEAD * self.workers


def choose(nodes: Iterable[Node]) -> Node | None:
    """Return the node for a job: the own one if a worker is idle there, else the least loaded; None if all are full."""
    room = [node for node in nodes if node.has_room]
    return min(room, key=lambda node: (not (node.own and node.load < 1), node.load, not node.own), default=None)
