"""The figures of an evaluation, computed from verdicts that were already given.

They are pure functions so that every number on a report can be recomputed from its `judgments.jsonl`. A verdict that
could not be read is wrong: it counts against exact accuracy and within-one, and never as the score 0 (which would be
right on a fifth of the rows). Figures that need a number (error, correlation) say over how many verdicts they are.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np

from reward_fn.judges.pointwise import SCORES
from rm_train.evaluation.intervals import (
    Estimate,
    bootstrapped,
    mean_difference,
    mean_of_shares,
    read_figures,
    resample_table,
    share,
    share_change,
)
from rm_train.evaluation.pointwise.tables import absolute_errors, changes, rank_correlations

CLASSES = len(SCORES)
INVALID = CLASSES
"""The column of the confusion matrix, after the scores, that counts verdicts that could not be read."""


@dataclass(frozen=True, slots=True)
class Judgment:
    """What a judge said about one row.

    Attributes:
        target: The true score, 0 to 4.
        predicted: The judge's score, 0 to 4; None if its verdict could not be read.
        failure: The kind of failure; set exactly where `predicted` is None.
        reason_right: Whether the reason is right in every fact; None if the row has no facts to check it by.
        fact_accuracy: The share (0 to 1) of the row's facts that the reason states rightly; None as above.

    Raises:
        ValueError: A score is out of range, or a verdict has both a score and a failure or neither.
    """

    target: int
    predicted: int | None
    failure: str | None = None
    reason_right: bool | None = None
    fact_accuracy: float | None = None

    def __post_init__(self) -> None:
        if self.target not in SCORES:
            raise ValueError(f"the target {self.target!r} is not a score of {SCORES[0]} to {SCORES[-1]}")
        if self.predicted is not None and self.predicted not in SCORES:
            raise ValueError(f"the prediction {self.predicted!r} is not a score of {SCORES[0]} to {SCORES[-1]}")
        if (self.predicted is None) != (self.failure is not None):
            raise ValueError("a verdict has either a score or a failure")

    @property
    def valid(self) -> bool:
        """Whether the verdict could be read."""
        return self.predicted is not None

    @property
    def exact(self) -> bool:
        """Whether the verdict is the true score."""
        return self.predicted == self.target

    @property
    def within_one(self) -> bool:
        """Whether the verdict is at most one off the true score."""
        return self.predicted is not None and abs(self.predicted - self.target) <= 1


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures that have an interval; the same names serve one judge and the difference between two.

    Attributes:
        exact: Share of rows whose verdict is the true score, 0 to 1.
        within_one: Share of rows whose verdict is at most one off, 0 to 1.
        mean_absolute_error: Over valid verdicts, 0 to 4.
        spearman: Rank correlation over valid verdicts, -1 to 1; undefined if either side never varies.
        valid: Share of verdicts that could be read, 0 to 1.
        reasons_right: Share of rows with facts whose reason is right in every one, 0 to 1.
        facts_right: Mean over rows with facts of the share stated rightly, 0 to 1.
    """

    exact: Estimate
    within_one: Estimate
    mean_absolute_error: Estimate
    spearman: Estimate
    valid: Estimate
    reasons_right: Estimate
    facts_right: Estimate


@dataclass(frozen=True, slots=True)
class Metrics:
    """How good a judge is on a set of rows.

    Attributes:
        rows: All rows.
        figures: Shares, error and correlation with their intervals.
        confusion: Row: true score; column: the judge's score, then the verdicts that could not be read.
        failures: Kind of failure -> verdicts.
        majority_class: The most frequent true score of these rows (the lowest one on a tie).
        majority_share: The exact accuracy of always answering `majority_class`.
    """

    kind: ClassVar[str] = "pointwise"

    rows: int
    figures: Figures
    confusion: tuple[tuple[int, ...], ...]
    failures: dict[str, int]
    majority_class: int
    majority_share: float


def measure(judgments: Sequence[Judgment], seed: int = 0) -> Metrics:
    """Compute all figures of one judge.

    Args:
        judgments: One for each row, in any order.
        seed: Of the bootstrap.

    Raises:
        ValueError: There are no judgments.
    """
    if not judgments:
        raise ValueError("there are no judgments to measure")
    n = len(judgments)
    table = np.zeros((CLASSES, CLASSES + 1), dtype=np.int64)
    for judgment in judgments:
        table[judgment.target, _column(judgment)] += 1
    valid = int(table[:, :CLASSES].sum())
    drawn = resample_table(table, seed)
    reasons = [j.reason_right for j in judgments if j.reason_right is not None]
    facts = [j.fact_accuracy for j in judgments if j.fact_accuracy is not None]
    targets = table.sum(axis=1)
    return Metrics(
        rows=n,
        figures=Figures(
            exact=share(sum(j.exact for j in judgments), n),
            within_one=share(sum(j.within_one for j in judgments), n),
            mean_absolute_error=bootstrapped(absolute_errors(table), absolute_errors(drawn), valid),
            spearman=bootstrapped(rank_correlations(table), rank_correlations(drawn), valid),
            valid=share(valid, n),
            reasons_right=share(sum(reasons), len(reasons)),
            facts_right=mean_of_shares(math.fsum(facts), len(facts)),
        ),
        confusion=tuple(tuple(int(count) for count in row) for row in table),
        failures=dict(sorted(Counter(j.failure for j in judgments if j.failure is not None).items())),
        majority_class=int(targets.argmax()),
        majority_share=int(targets.max()) / n,
    )


def compare(before: Sequence[Judgment], after: Sequence[Judgment], seed: int = 0) -> Figures:
    """Return every figure of `after` less that of `before`, on the same rows in the same order.

    The intervals use the pairing: what matters is which rows changed, so they are narrower than the two judges' own
    intervals suggest. Error and correlation are over each side's own valid verdicts; `n` counts all the pairs there.

    Raises:
        ValueError: There are no rows, or the two sides have different rows.
    """
    if not before or [j.target for j in before] != [j.target for j in after]:
        raise ValueError("the two sides were not judged on the same rows, so their difference says nothing")
    pairs = list(zip(before, after, strict=True))
    joint = np.zeros((CLASSES, CLASSES + 1, CLASSES + 1), dtype=np.int64)
    for old, new in pairs:
        joint[old.target, _column(old), _column(new)] += 1
    drawn = resample_table(joint, seed)
    facts = [
        new.fact_accuracy - old.fact_accuracy
        for old, new in pairs
        if old.fact_accuracy is not None and new.fact_accuracy is not None
    ]
    return Figures(
        exact=share_change([(old.exact, new.exact) for old, new in pairs]),
        within_one=share_change([(old.within_one, new.within_one) for old, new in pairs]),
        mean_absolute_error=bootstrapped(changes(absolute_errors, joint), changes(absolute_errors, drawn), len(pairs)),
        spearman=bootstrapped(changes(rank_correlations, joint), changes(rank_correlations, drawn), len(pairs)),
        valid=share_change([(old.valid, new.valid) for old, new in pairs]),
        reasons_right=share_change(
            [
                (old.reason_right, new.reason_right)
                for old, new in pairs
                if old.reason_right is not None and new.reason_right is not None
            ]
        ),
        facts_right=mean_difference(np.sort(np.array(facts, dtype=np.float64))),
    )


def as_json(metrics: Metrics) -> dict[str, Any]:
    """Return the metrics as plain JSON values, as `metrics.json` holds them."""
    return asdict(metrics)


def from_json(data: Mapping[str, Any]) -> Metrics:
    """Read what `as_json` wrote.

    Raises:
        ValueError: A figure is missing.
    """
    try:
        return Metrics(
            rows=int(data["rows"]),
            figures=read_figures(Figures, data["figures"]),
            confusion=tuple(tuple(int(count) for count in row) for row in data["confusion"]),
            failures=dict(data["failures"]),
            majority_class=int(data["majority_class"]),
            majority_share=float(data["majority_share"]),
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"these are not the metrics of an evaluation: {error}") from error


def _column(judgment: Judgment) -> int:
    return INVALID if judgment.predicted is None else judgment.predicted
