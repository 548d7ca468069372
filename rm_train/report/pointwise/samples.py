"""Rows that a pointwise judge rated, before and after training."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rm_train.evaluation.pointwise.judged import JudgedRow
from rm_train.report.samples import change_from, count_of_each, spread

_WORST = 5
"""The error of an invalid verdict in this comparison: more than that of any score."""

_PROMPT = re.compile(r"^(~{3,}) conversation\n(?P<asked>.*)\n\1 answer\n(?P<answer>.*)\n\1$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Sample:
    """One row as it was judged before and after.

    Attributes:
        change: A key of `WANTED`: whether the verdict came closer to the true score.
        asked: The conversation that was judged; the whole prompt if it is not the pointwise one.
        answer: The answer that was judged; "" as above.
        before: The judgment before training.
        after: The judgment after training.
    """

    change: str
    asked: str
    answer: str
    before: JudgedRow
    after: JudgedRow


def samples(before: Sequence[JudgedRow], after: Sequence[JudgedRow]) -> tuple[dict[str, int], list[Sample]]:
    """Count every kind of change over the same rows in the same order, and choose some rows of each.

    An invalid verdict is farther from the true score than any other.
    """
    pairs = list(zip(before, after, strict=True))
    changes = [change_from(_error(old), _error(new)) for old, new in pairs]
    chosen = [Sample(change, *judged_text(old.prompt), old, new) for change, (old, new) in spread(pairs, changes)]
    return count_of_each(changes), chosen


def judged_text(prompt: str) -> tuple[str, str]:
    """Return the conversation and the answer in a pointwise prompt; all of another prompt, and "".

    The prompt's fences are longer than any in the judged texts, so nothing in those can end a section early.
    """
    found = _PROMPT.search(prompt)
    return (found["asked"], found["answer"]) if found else (prompt, "")


def _error(row: JudgedRow) -> int:
    return _WORST if row.predicted is None else abs(row.predicted - row.target)
