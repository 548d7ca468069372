"""What a part of `hosting.py` tells: its figures, those that have an aim, and how figures come of what was timed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

REPEATS = 3
"""Rounds of what takes seconds; the median counts."""
Figures = dict[str, dict[str, float]]
"""By way, what was measured."""


@dataclass(frozen=True)
class Aim:
    """A figure that should reach something.

    Attributes:
        what: What is measured.
        figure: What came of it.
        least: What it should be at least; None if it stands there to be compared with.
        most: What it should be at most; None if there is no such bound.
    """

    what: str
    figure: float
    least: float | None = None
    most: float | None = None

    @property
    def told(self) -> str:
        """The aim in words."""
        if self.least is None:
            return "" if self.most is None else f"at most {self.most:,g}"
        return f"at least {self.least:,g}" if self.most is None else f"{self.least:,g} to {self.most:,g}"

    @property
    def reached(self) -> bool:
        """Whether it is what it should be."""
        return (self.least is None or self.figure >= self.least) and (self.most is None or self.figure <= self.most)


@dataclass(frozen=True)
class Found:
    """What a part has measured.

    Attributes:
        tables: Its figures by the tables' titles.
        aims: Those that have an aim, or that one with an aim is compared with.
    """

    tables: dict[str, Figures]
    aims: list[Aim]


Part = Callable[[float, Path], Found]
"""Measures, with so large a share of the full size, and a folder to write to."""


def rate_and_waits(rate: str, rates: Sequence[float], seconds: Sequence[float]) -> dict[str, float]:
    """Return the figures of calls: the median of the rates of all rounds, and how long a call took."""
    p50, p99 = np.percentile(seconds, [50, 99]) * 1e3
    return {rate: median(rates), "ms, median": float(p50), "ms, 99 %": float(p99)}
