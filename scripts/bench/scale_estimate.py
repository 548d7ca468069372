"""From what was measured on one machine to a cluster: the formula, its figures, and what it says.

A hosted actor is one process, so it can use one core. The share of it that it uses is taken to be

    base + a process's share * processes + an answer's share * answers a second

whose three figures are fitted by least squares to the loads that the machine has kept up with, none of them below 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

WORKERS = 8
"""verl's reward workers on a node."""
ANSWERS = 16
"""Answers that each of them gets in a step: 1,024 prompts with 8 answers each, on 64 nodes."""
STEP_S = 60.0
"""The seconds in which they come."""
FULL = 0.7
"""A process that uses so much of its core lets calls wait."""
KEPT_UP_MS = 100.0
"""A load to whose answers no part has added more, in the median, is one that the machine has kept up with."""
NODES = (1, 8, 16, 32, 64, 128, 256)


@dataclass
class Measured:
    """What a load took.

    Attributes:
        processes: How many there were.
        rate: Answers a second that each of them was to get.
        seconds: How long it took.
        answers: Answers that were scored.
        machine: What the machine did before.
        cpu_s: CPU seconds, by what used them.
        calls: Calls of actors, by class.
        added_ms: Median and 99 % of what each part has added to an answer.
        memory_mb: Memory that nobody else has, by what has it.
    """

    processes: int
    rate: float
    seconds: float
    answers: int
    machine: dict[str, object]
    cpu_s: dict[str, float]
    calls: dict[str, int]
    added_ms: dict[str, tuple[float, float]] = field(default_factory=dict)
    memory_mb: dict[str, float] = field(default_factory=dict)

    @property
    def kept_up(self) -> bool:
        """Whether the machine has kept up with it; if not, calls have waited for one another and share batches."""
        return all(p50 <= KEPT_UP_MS for p50, _ in self.added_ms.values())


@dataclass(frozen=True)
class Share:
    """How much of its core an actor uses.

    Attributes:
        base: By itself.
        process: For each process that knows it.
        answer: For each answer a second.
    """

    base: float
    process: float
    answer: float

    def at(self, processes: float, answers_s: float) -> float:
        """Return the share for so many processes and answers a second."""
        return self.base + self.process * processes + self.answer * answers_s

    @property
    def full_at(self) -> float:
        """The answers a second at which the actor is full, if each node brings its part of them."""
        return answers_s((FULL - self.base) / (WORKERS * (self.process + self.answer * ANSWERS / STEP_S)))


def fitted(loads: Sequence[Measured], what: str) -> Share:
    """Return the shares that fit best to what was measured of an actor."""
    loads = [one for one in loads if one.kept_up]
    rows = np.array([[1.0, one.processes, one.answers / one.seconds] for one in loads])
    shares = np.array([one.cpu_s[what] / one.seconds for one in loads])
    found = np.zeros(3)
    left = [0, 1, 2]
    while left:
        best = np.linalg.lstsq(rows[:, left], shares, rcond=None)[0]
        if best.min() >= 0:
            found[left] = best
            break
        left.pop(int(best.argmin()))
    return Share(*map(float, found))


def answers_s(nodes: float) -> float:
    """Return the answers a second of a cluster."""
    return nodes * WORKERS * ANSWERS / STEP_S
