"""Quantiles of what was measured in many processes, without keeping the measurements.

Values are counted in buckets each of which reaches a tenth further than the one before, as in a DDSketch: a quantile is
off by 5 % at most, and the sketches of several processes add up to that of all.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

ERROR = 0.05
"""How far off a quantile may be, as a share of it."""
SMALLEST = 1e-6
"""Smaller values count as this one."""
_STEP = math.log((1 + ERROR) / (1 - ERROR))


@dataclass(slots=True)
class Sketch:
    """Counts of positive numbers by their size.

    Attributes:
        counts: How many there were, by the number of the bucket.
    """

    counts: Counter[int] = field(default_factory=Counter)

    def add(self, value: float) -> None:
        """Count a value."""
        self.counts[math.ceil(math.log(max(value, SMALLEST)) / _STEP)] += 1

    def quantile(self, share: float) -> float:
        """Return the value below or at which a share of all values is, 0 to 1; 0 if there is none."""
        rank = max(1, math.ceil(share * self.counts.total()))
        for value, count in self.values():
            rank -= count
            if rank <= 0:
                return value
        return 0.0

    def values(self) -> Iterator[tuple[float, int]]:
        """Yield what the values are close to, from the smallest on, and how many of them there are."""
        for bucket, count in sorted(self.counts.items()):
            yield math.exp(bucket * _STEP) * (1 - ERROR), count

    def __add__(self, other: Sketch) -> Sketch:
        """Return the sketch of the values of both."""
        return Sketch(self.counts + other.counts)

    def __sub__(self, earlier: Sketch) -> Sketch:
        """Return the sketch of the values that have come since an earlier state of this one."""
        return Sketch(self.counts - earlier.counts)
