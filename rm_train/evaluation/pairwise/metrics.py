"""The figures of a judge that compares, computed from verdicts that were already given.

They are pure functions so that every number on a report can be recomputed from its `judgments.jsonl`. A verdict that
could not be read is wrong, and agrees with no other: it is never taken for a tie. Of a pair that is asked in one order
only, the row counts in the figures of rows and the pair in none of the figures of pairs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np

from reward_fn.judges.pairwise import PREFERENCES, Preference, swapped
from rm_train.evaluation.intervals import Estimate, read_figures, share, share_change
from rm_train.evaluation.pairwise.counts import changes, count, estimates, rule_shares, true_share
from rm_train.evaluation.pairwise.judgment import PairJudgment
from rm_train.evaluation.pairwise.pairs import ORDERS, pairs_of

_INVALID = len(PREFERENCES)
"""The column of the confusion matrix, after the preferences, that counts verdicts that could not be read."""

Pair = Sequence[PairJudgment]


@dataclass(frozen=True, slots=True, kw_only=True)
class PairFigures:
    """The figures that have an interval; the same names serve one judge and the difference between two.

    Attributes:
        both_right: Share of pairs whose verdicts are right in both orders, 0 to 1.
        accuracy: Share of rows whose verdict is the true one (A, B or tie), 0 to 1.
        accuracy_order_0: The same of the rows that show a pair as it stands in the data.
        accuracy_order_1: The same of the rows that show it swapped.
        consistent: Share of pairs whose two verdicts prefer the same answer, or are both ties; 0 to 1.
        a_rate: Share of A among verdicts for A or B, 0 to 1.
        a_excess: `a_rate` less the share of A among rows whose truth is A or B, -1 to 1.
        longer_rate: Share of the longer answer among verdicts for A or B on answers of unequal length, 0 to 1.
        longer_excess: `longer_rate` less the same share of the truth, -1 to 1.
        accuracy_longer_better: Share of right verdicts on rows whose better answer is the longer one, 0 to 1.
        accuracy_shorter_better: The same where it is the shorter one.
        tie_rate: Share of ties among verdicts that could be read, 0 to 1.
        accuracy_ties: Share of right verdicts on rows whose truth is a tie, 0 to 1.
        valid: Share of verdicts that could be read, 0 to 1.
        reasons_right: Share of rows with facts whose reason is right in every one, 0 to 1.
        facts_right: Mean over rows with facts of the share stated rightly, 0 to 1.
    """

    both_right: Estimate
    accuracy: Estimate
    accuracy_order_0: Estimate
    accuracy_order_1: Estimate
    consistent: Estimate
    a_rate: Estimate
    a_excess: Estimate
    longer_rate: Estimate
    longer_excess: Estimate
    accuracy_longer_better: Estimate
    accuracy_shorter_better: Estimate
    tie_rate: Estimate
    accuracy_ties: Estimate
    valid: Estimate
    reasons_right: Estimate
    facts_right: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What is true of the rows, beside which a judge's habits are seen.

    Attributes:
        a: Share of A among rows whose truth is A or B, 0 to 1; None if there are none.
        longer: Share of the longer answer among such rows of unequal lengths, 0 to 1; None if there are none.
        ties: Share of ties among all rows, 0 to 1.
    """

    a: float | None
    longer: float | None
    ties: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ByStrength:
    """How often a judge is right on pairs whose better answer is so much better.

    Attributes:
        strength: 0 (a tie) to 3.
        pairs: The pairs of this strength that were asked in both orders.
        both_right: As in `PairFigures`.
        accuracy: As in `PairFigures`.
    """

    strength: int
    pairs: int
    both_right: Estimate
    accuracy: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class PairMetrics:
    """How good a judge is on a set of pairs.

    Attributes:
        rows: All rows.
        pairs: Pairs that were asked in both orders.
        single_rows: Rows whose pair was asked in one order only.
        figures: Shares with their intervals.
        truth: What is true of the rows.
        rules: What knows no text, `longer`, `shorter` or `tie` -> the share of rows on which always preferring that is
            right; for whole pairs also the share that is right in both orders.
        confusion: Row: the truth (A, B, tie); column: the verdict (A, B, tie), then those that could not be read.
        failures: Kind of failure -> verdicts.
        by_strength: For each strength that there is, from 0 on.
    """

    kind: ClassVar[str] = "pairwise"

    rows: int
    pairs: int
    single_rows: int
    figures: PairFigures
    truth: Truth
    rules: dict[str, float]
    confusion: tuple[tuple[int, ...], ...]
    failures: dict[str, int]
    by_strength: tuple[ByStrength, ...]

    @property
    def best_rule(self) -> tuple[str, float]:
        """Which of `rules` is right most often, and how often."""
        return max(self.rules.items(), key=lambda rule: rule[1])


def measure(judgments: Sequence[PairJudgment], seed: int = 0) -> PairMetrics:
    """Compute all figures of one judge.

    Args:
        judgments: One for each row, in any order.
        seed: Of the bootstrap.

    Raises:
        ValueError: There are no judgments, or the rows of a pair do not fit together.
    """
    if not judgments:
        raise ValueError("there are no judgments to measure")
    pairs = pairs_of(judgments)
    whole = [pair for pair in pairs if len(pair) == len(ORDERS)]
    counts, rows = count(pairs), len(judgments)
    rules = rule_shares(counts)
    table = np.zeros((len(PREFERENCES), len(PREFERENCES) + 1), dtype=np.int64)
    for row in judgments:
        table[PREFERENCES.index(row.target), _column(row.predicted)] += 1
    units = {name: share(sum(of_units), len(of_units)) for name, of_units in _units(pairs).items()}
    return PairMetrics(
        rows=rows,
        pairs=len(whole),
        single_rows=rows - len(ORDERS) * len(whole),
        figures=PairFigures(**units, **estimates(counts, seed)),
        truth=Truth(
            a=true_share(counts, "a_rate"),
            longer=true_share(counts, "longer_rate"),
            ties=rules["tie"],
        ),
        rules=rules,
        confusion=tuple(tuple(int(cell) for cell in line) for line in table),
        failures=dict(sorted(Counter(row.failure for row in judgments if row.failure is not None).items())),
        by_strength=tuple(_by_strength(pairs, seed)),
    )


def compare(before: Sequence[PairJudgment], after: Sequence[PairJudgment], seed: int = 0) -> PairFigures:
    """Return every figure of `after` less that of `before`, on the same rows in the same order.

    The intervals use that the rows are the same: what matters is which pairs changed.

    Raises:
        ValueError: There are no rows, or the two sides have different rows.
    """
    if not before or [_row(row) for row in before] != [_row(row) for row in after]:
        raise ValueError("the two sides were not judged on the same rows, so their difference says nothing")
    old, new = pairs_of(before), pairs_of(after)
    old_units, new_units = _units(old), _units(new)
    units = {name: share_change(list(zip(old_units[name], new_units[name], strict=True))) for name in old_units}
    return PairFigures(**units, **changes(count(old), count(new), seed))


def as_json(metrics: PairMetrics) -> dict[str, Any]:
    """Return the metrics as plain JSON values, as `metrics.json` holds them."""
    return {"kind": metrics.kind, **asdict(metrics)}


def from_json(data: Mapping[str, Any]) -> PairMetrics:
    """Read what `as_json` wrote.

    Raises:
        ValueError: A figure is missing.
    """
    try:
        return PairMetrics(
            rows=int(data["rows"]),
            pairs=int(data["pairs"]),
            single_rows=int(data["single_rows"]),
            figures=read_figures(PairFigures, data["figures"]),
            truth=Truth(**data["truth"]),
            rules=dict(data["rules"]),
            confusion=tuple(tuple(int(cell) for cell in line) for line in data["confusion"]),
            failures=dict(data["failures"]),
            by_strength=tuple(
                ByStrength(
                    strength=int(one["strength"]),
                    pairs=int(one["pairs"]),
                    both_right=Estimate(**one["both_right"]),
                    accuracy=Estimate(**one["accuracy"]),
                )
                for one in data["by_strength"]
            ),
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"these are not the metrics of an evaluation of pairs: {error}") from error


def agree(first: Preference | None, second: Preference | None) -> bool:
    """Whether two verdicts on the two orders of a pair say the same; one that could not be read agrees with none."""
    return first is not None and second is not None and second == swapped(first)


def _units(pairs: Sequence[Pair]) -> dict[str, list[bool]]:
    """Return, for the figures whose units are independent, whether each unit counts; in the order of the pairs."""
    whole = [pair for pair in pairs if len(pair) == len(ORDERS)]
    rows = [row for pair in pairs for row in pair]
    return {
        "both_right": [all(row.right for row in pair) for pair in whole],
        "consistent": [agree(pair[0].predicted, pair[1].predicted) for pair in whole],
        **{f"accuracy_order_{order}": [row.right for row in rows if row.order == order] for order in ORDERS},
    }


def _by_strength(pairs: Sequence[Pair], seed: int) -> list[ByStrength]:
    groups: dict[int, list[Pair]] = {}
    for pair in pairs:
        if pair[0].strength is not None:
            groups.setdefault(pair[0].strength, []).append(pair)
    found = []
    for strength, group in sorted(groups.items()):
        right = _units(group)["both_right"]
        accuracy = estimates(count(group), seed)["accuracy"]
        found.append(
            ByStrength(strength=strength, pairs=len(right), both_right=share(sum(right), len(right)), accuracy=accuracy)
        )
    return found


def _column(predicted: Preference | None) -> int:
    return _INVALID if predicted is None else PREFERENCES.index(predicted)


def _row(row: PairJudgment) -> tuple[str, int, Preference]:
    return row.pair_id, row.order, row.target
