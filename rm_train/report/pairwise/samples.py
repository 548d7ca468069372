"""Pairs that a judge compared in both orders, before and after training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rm_train.evaluation.pairwise.judged import JudgedPair
from rm_train.evaluation.pairwise.metrics import agree
from rm_train.evaluation.pairwise.pairs import whole_pairs
from rm_train.report.samples import change_from, count_of_each, spread


@dataclass(frozen=True, slots=True)
class PairSample:
    """One pair as it was judged before and after, each in both orders.

    Attributes:
        change: A key of `WANTED`: whether more of the two verdicts are right.
        state_before: What the judge made of the pair before training; see `state`.
        state_after: The same after training.
        before: The judgments before training, first of the pair as it stands in the data, then of the swapped one.
        after: The judgments after training.
    """

    change: str
    state_before: str
    state_after: str
    before: Sequence[JudgedPair]
    after: Sequence[JudgedPair]


def samples(before: Sequence[JudgedPair], after: Sequence[JudgedPair]) -> tuple[dict[str, int], list[PairSample]]:
    """Count every kind of change over the same pairs, and choose some of each; pairs with one row are left out."""
    pairs = list(zip(whole_pairs(before), whole_pairs(after), strict=True))
    changes = [change_from(_wrong(old), _wrong(new)) for old, new in pairs]
    chosen = [PairSample(change, state(old), state(new), old, new) for change, (old, new) in spread(pairs, changes)]
    return count_of_each(changes), chosen


def state(pair: Sequence[JudgedPair]) -> str:
    """Say in a word or two what a judge made of a pair: right, wrong, flipped with the order, or not readable."""
    first, second = pair
    if first.predicted is None or second.predicted is None:
        return "no verdict"
    if not agree(first.predicted, second.predicted):
        return "flipped"
    return "right" if first.right else "wrong"


def _wrong(pair: Sequence[JudgedPair]) -> int:
    return sum(not row.right for row in pair)
