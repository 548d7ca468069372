"""95 % intervals for the figures of an evaluation.

They are kept apart because a difference of two percentages without its interval is how noise gets reported as
progress: a reader who doubts an interval finds its formula and its source here. Pure arithmetic, no model.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

F = TypeVar("F", bound="DataclassInstance")

Values = NDArray[np.float64]

Z95 = 1.959963984540054
"""The 97.5 % quantile of the standard normal distribution."""

RESAMPLES = 2000
"""Bootstrap resamples: enough for the second digit of a 95 % bound, and cheap on tables."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its 95 % interval.

    Attributes:
        value: The figure; None where it is undefined (no rows, or no variation for a correlation).
        low: Lower bound of the interval; None where there is none.
        high: Upper bound of the interval; None where there is none.
        n: How many rows the figure is over.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int

    @property
    def excludes_zero(self) -> bool:
        """Whether the whole interval lies on one side of zero (for a difference: it is not just noise)."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


UNDEFINED = Estimate(None, None, None, 0)


def share(hits: int, n: int) -> Estimate:
    """Return `hits / n` with Wilson's score interval (Wilson 1927); undefined if `n` is 0.

    Args:
        hits: Rows that count, 0 to `n`.
        n: All rows.
    """
    return mean_of_shares(float(hits), n)


def mean_of_shares(total: float, n: int) -> Estimate:
    """Return the mean of `n` numbers of 0..1 whose sum is `total`, with Wilson's interval for `n` trials.

    For numbers between 0 and 1 (a row's share of right facts) the interval is too wide rather than too narrow: no
    such numbers vary more than zeros and ones of the same mean.
    """
    if n == 0:
        return UNDEFINED
    p = total / n
    centre = (p + Z95**2 / (2 * n)) / (1 + Z95**2 / n)
    half = Z95 / (1 + Z95**2 / n) * math.sqrt(p * (1 - p) / n + Z95**2 / (4 * n**2))
    # The bounds hold p in exact arithmetic; at p = 0 and p = 1 rounding can push them past it.
    return Estimate(p, min(p, max(0.0, centre - half)), max(p, min(1.0, centre + half)), n)


def share_difference(gained: int, lost: int, n: int) -> Estimate:
    """Return the change of a share on the same rows: `(gained - lost) / n`.

    The interval is the adjusted Wald interval for paired proportions of Bonett and Price (2012): one row is added to
    each kind of disagreement, so that it has a width even where no row changed. Like McNemar's test it looks only at
    the rows that changed.

    Args:
        gained: Rows that count after but not before.
        lost: Rows that count before but not after.
        n: All rows.
    """
    if n == 0:
        return UNDEFINED
    up, down = (gained + 1) / (n + 2), (lost + 1) / (n + 2)
    half = Z95 * math.sqrt((up + down - (up - down) ** 2) / (n + 2))
    return Estimate((gained - lost) / n, max(-1.0, up - down - half), min(1.0, up - down + half), n)


def share_change(pairs: Sequence[tuple[bool, bool]]) -> Estimate:
    """Return the change of a share, from whether each row counts before and after; see `share_difference`."""
    return share_difference(
        sum(new and not old for old, new in pairs), sum(old and not new for old, new in pairs), len(pairs)
    )


def mean_difference(differences: Values) -> Estimate:
    """Return the mean of paired differences with its normal interval (standard error from the sample)."""
    n = len(differences)
    if n == 0:
        return UNDEFINED
    mean = float(differences.mean())
    if n == 1:
        return Estimate(mean, None, None, 1)
    half = Z95 * float(differences.std(ddof=1)) / math.sqrt(n)
    return Estimate(mean, mean - half, mean + half, n)


def resample_table(table: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """Return `RESAMPLES` bootstrap tables, of shape `(RESAMPLES, *table.shape)`.

    To draw n rows with replacement and to count them per cell is to draw the counts from a multinomial distribution,
    so a statistic of the table needs no resampled rows (and does not depend on their order).
    """
    counts = table.ravel()
    n = int(counts.sum())
    if n == 0:
        raise ValueError("there is nothing to resample: the table is empty")
    filled = np.flatnonzero(counts)
    drawn = np.zeros((RESAMPLES, len(counts)), dtype=np.int64)
    drawn[:, filled] = np.random.default_rng(seed).multinomial(n, counts[filled] / n, size=RESAMPLES)
    return drawn.reshape(RESAMPLES, *table.shape)


def percentile_interval(values: Values) -> tuple[float | None, float | None]:
    """Return the 2.5 % and 97.5 % quantiles of bootstrap values; NaN (undefined) is left out."""
    defined = values[~np.isnan(values)]
    if len(defined) == 0:
        return None, None
    low, high = np.quantile(defined, [0.025, 0.975])
    return float(low), float(high)


def bootstrapped(value: Values, resampled: Values, n: int) -> Estimate:
    """Return a figure with the interval of its bootstrap values; undefined if the figure itself is (NaN)."""
    if np.isnan(value):
        return Estimate(None, None, None, n)
    low, high = percentile_interval(resampled)
    return Estimate(float(value), low, high, n)


def divide(numerator: NDArray[np.generic], denominator: NDArray[np.generic]) -> Values:
    """Divide, with NaN (undefined) where the denominator is 0."""
    top = np.asarray(numerator, dtype=np.float64)
    bottom = np.asarray(denominator, dtype=np.float64)
    return np.divide(top, bottom, out=np.full_like(top, np.nan), where=bottom != 0)


def read_figures(figures: type[F], data: Mapping[str, Mapping[str, Any]]) -> F:
    """Return a dataclass whose fields are all estimates, from the JSON of such a one.

    Raises:
        KeyError: A figure is missing.
        TypeError: A figure is no estimate.
    """
    return figures(**{field.name: Estimate(**data[field.name]) for field in fields(figures)})
