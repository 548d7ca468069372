"""What is counted in the rows of each pair, and the shares that are made of these counts.

Two verdicts on one pair are about the same texts and fall alike, so an interval that took them for two would be too
narrow: whole pairs are resampled, with all that was counted in them. What a pair counts takes few different values;
to draw pairs is to draw how often each of these comes, which needs no resampled rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from rm_train.evaluation.intervals import (
    Estimate,
    Values,
    bootstrapped,
    divide,
    mean_of_shares,
    resample_table,
    share_difference,
)
from rm_train.evaluation.pairwise.judgment import PairJudgment

_COUNTED: Mapping[str, Callable[[PairJudgment], float]] = {
    "rows": lambda row: 1,
    "right": lambda row: row.right,
    "valid": lambda row: row.predicted is not None,
    "a": lambda row: row.predicted == "A",
    "decided": lambda row: row.decided,
    "true_a": lambda row: row.target == "A",
    "decidable": lambda row: row.decidable,
    "longer": lambda row: row.decided and row.predicted == row.longer,
    "decided_by_length": lambda row: row.decided and row.longer is not None,
    "true_longer": lambda row: row.decidable and row.target == row.longer,
    "decidable_by_length": lambda row: row.decidable and row.longer is not None,
    "true_shorter": lambda row: row.decidable and row.longer is not None and row.target != row.longer,
    "right_longer": lambda row: row.decidable and row.right and row.target == row.longer,
    "right_shorter": lambda row: row.decidable and row.right and row.longer is not None and row.target != row.longer,
    "tie": lambda row: row.predicted == "tie",
    "true_tie": lambda row: row.target == "tie",
    "right_tie": lambda row: row.right and row.target == "tie",
    "with_facts": lambda row: row.reason_right is not None,
    "reason_right": lambda row: bool(row.reason_right),
    "facts_right": lambda row: row.fact_accuracy or 0.0,
}
_PLACES = {name: place for place, name in enumerate(_COUNTED)}

_SHARES: Mapping[str, tuple[str, str]] = {
    "accuracy": ("right", "rows"),
    "valid": ("valid", "rows"),
    "a_rate": ("a", "decided"),
    "longer_rate": ("longer", "decided_by_length"),
    "tie_rate": ("tie", "valid"),
    "accuracy_longer_better": ("right_longer", "true_longer"),
    "accuracy_shorter_better": ("right_shorter", "true_shorter"),
    "accuracy_ties": ("right_tie", "true_tie"),
    "reasons_right": ("reason_right", "with_facts"),
    "facts_right": ("facts_right", "with_facts"),
}
"""Figure -> what is counted, among what."""

_TRUE_SHARES: Mapping[str, tuple[str, str]] = {
    "a_rate": ("true_a", "decidable"),
    "longer_rate": ("true_longer", "decidable_by_length"),
}
"""The same of the truth, for figures that an unbiased judge shares with it."""

EXCESSES: Mapping[str, str] = {"a_excess": "a_rate", "longer_excess": "longer_rate"}
"""Figure -> the share of which it is the judge's less the truth's."""


def count(pairs: Sequence[Sequence[PairJudgment]]) -> Values:
    """Return what is counted in each pair, of shape `(pairs, counts)`."""
    rows = [[sum(counted(row) for row in pair) for counted in _COUNTED.values()] for pair in pairs]
    return np.array(rows, dtype=np.float64).reshape(len(pairs), len(_COUNTED))


def share_values(counts: Values) -> dict[str, Values]:
    """Return every share and excess of counts of shape `(…, counts)`; NaN where there is nothing."""
    values = {name: _share(counts, *parts) for name, parts in _SHARES.items()}
    return values | {
        name: values[share] - _share(counts, *_TRUE_SHARES[share]) for name, share in EXCESSES.items()
    }  # fmt: skip


def true_share(counts: Values, name: str) -> float | None:
    """Return the truth's own share for a figure of `_TRUE_SHARES`, of pairs' counts; None where there is nothing."""
    value = float(_share(counts.sum(axis=0), *_TRUE_SHARES[name]))
    return None if np.isnan(value) else value


def rule_shares(counts: Values) -> dict[str, float]:
    """Return on which share of rows always preferring the longer or the shorter answer, or a tie, is right."""
    totals = counts.sum(axis=0)
    return {rule: float(_share(totals, f"true_{rule}", "rows")) for rule in ("longer", "shorter", "tie")}


def estimates(counts: Values, seed: int) -> dict[str, Estimate]:
    """Return every share and excess of pairs' counts with the interval of a bootstrap over pairs.

    Where all pairs are alike, resampling cannot vary a share, and yet more pairs might: then the interval is Wilson's,
    for as many trials as pairs.

    Args:
        counts: What `count` returns.
        seed: Of the bootstrap.
    """
    values, drawn = share_values(counts.sum(axis=0)), share_values(_resampled(counts, seed))
    found = {}
    for name, value in values.items():
        share = EXCESSES.get(name, name)
        among = _among(counts, share)
        estimate = bootstrapped(value, drawn[name], int(among.sum()))
        if _unvaried(estimate):
            pairs, rate = int((among > 0).sum()), float(values[share])
            estimate = _around(estimate, mean_of_shares(rate * pairs, pairs), float(value) - rate)
        found[name] = estimate
    return found


def changes(before: Values, after: Values, seed: int) -> dict[str, Estimate]:
    """Return every share and excess of one judge less that of another, over the same pairs in the same order.

    Both judges' counts of a pair are resampled together. Where that cannot vary a change, since all pairs are alike,
    the interval is that of a share's change over as many pairs.

    Args:
        before: What `count` returns for the judge that is taken off.
        after: The same for the other judge.
        seed: Of the bootstrap.
    """
    width = before.shape[1]
    joint = np.concatenate([before, after], axis=1)
    totals, drawn = joint.sum(axis=0), _resampled(joint, seed)
    first, second = share_values(totals[:width]), share_values(totals[width:])
    drawn_first, drawn_second = share_values(drawn[:, :width]), share_values(drawn[:, width:])
    found = {}
    for name, value in second.items():
        rows = int(totals[_PLACES["rows"]])
        estimate = bootstrapped(value - first[name], drawn_second[name] - drawn_first[name], rows)
        if _unvaried(estimate):
            share = EXCESSES.get(name, name)
            pairs = int(((_among(before, share) > 0) | (_among(after, share) > 0)).sum())
            changed = min(pairs, round(abs(estimate.value or 0.0) * pairs))
            up, down = (changed, 0) if (estimate.value or 0.0) > 0 else (0, changed)
            estimate = _around(estimate, share_difference(up, down, pairs))
        found[name] = estimate
    return found


def _among(counts: Values, share: str) -> Values:
    """Return of each pair how many rows a share is over."""
    return counts[:, _PLACES[_SHARES[share][1]]]


def _unvaried(estimate: Estimate) -> bool:
    return estimate.low is not None and estimate.high is not None and estimate.high - estimate.low < 1e-9


def _around(estimate: Estimate, other: Estimate, shift: float = 0.0) -> Estimate:
    """Return an estimate with the bounds of another one, moved."""
    assert other.low is not None and other.high is not None
    return Estimate(estimate.value, other.low + shift, other.high + shift, estimate.n)


def _share(counts: Values, part: str, whole: str) -> Values:
    return divide(counts[..., _PLACES[part]], counts[..., _PLACES[whole]])


def _resampled(counts: Values, seed: int) -> Values:
    """Return the sums of resampled pairs' counts, of shape `(resamples, counts)`."""
    different, times = np.unique(counts, axis=0, return_counts=True)
    drawn: Values = resample_table(times.astype(np.int64), seed) @ different
    return drawn
