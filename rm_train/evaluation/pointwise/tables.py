"""Error and correlation computed from tables of counts.

With five scores, everything about a judge is in a table of how often it gave which score to which true score. So mean
error and Spearman's correlation are functions of counts here, vectorised over any leading axes: a bootstrap is one
call on a stack of 2,000 resampled tables instead of 2,000 rankings of a thousand rows.

A table has the shape `(…, 5, 6)`: true score, then the judge's score and, last, verdicts that could not be read.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from rm_train.evaluation.intervals import Values, divide

Counts = NDArray[np.int64]


def absolute_errors(tables: Counts) -> Values:
    """Return the mean absolute error over valid verdicts of each table, 0 to 4; NaN where there are none."""
    valid = tables[..., :-1]
    size = valid.shape[-1]
    distance = np.abs(np.subtract.outer(np.arange(size), np.arange(size)))
    return divide((valid * distance).sum(axis=(-2, -1)), valid.sum(axis=(-2, -1)))


def rank_correlations(tables: Counts) -> Values:
    """Return Spearman's correlation over valid verdicts of each table; NaN where a side does not vary.

    Ties share the mean of their ranks, so this is Pearson's correlation of those ranks, as in
    `scipy.stats.spearmanr`.
    """
    valid = tables[..., :-1].astype(np.float64)
    targets, predictions = valid.sum(axis=-1), valid.sum(axis=-2)
    x, y = _centred_ranks(targets), _centred_ranks(predictions)
    covariance = np.einsum("...ij,...i,...j->...", valid, x, y)
    spread = np.sqrt((targets * x**2).sum(axis=-1) * (predictions * y**2).sum(axis=-1))
    return np.clip(divide(covariance, spread), -1.0, 1.0)


def changes(statistic: Callable[[Counts], Values], joint: Counts) -> Values:
    """Return `statistic` after less `statistic` before, for tables of true score, score before and score after."""
    return statistic(joint.sum(axis=-2)) - statistic(joint.sum(axis=-1))


def _centred_ranks(counts: Values) -> Values:
    """Return the mid-rank of each score less the mean rank, for a marginal of counts."""
    total = counts.sum(axis=-1, keepdims=True)
    ranks: Values = np.cumsum(counts, axis=-1) - counts + (counts + 1) / 2 - (total + 1) / 2
    return ranks
