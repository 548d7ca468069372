"""Which judgments the report shows side by side, chosen without anybody choosing.

Twenty rows picked by hand can prove anything. These are spread evenly over the validation rows, a fixed number of each
kind of change; the page says how often each kind really occurs.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rm_train.evaluation.judged import JudgedRow

WANTED: Mapping[str, int] = {"improved": 8, "unchanged": 6, "worsened": 6}
"""Kind of change -> judgments shown of it; where a kind has too few, the others fill up."""

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


def change_of(before: JudgedRow, after: JudgedRow) -> str:
    """Say whether a verdict improved, worsened or stayed as far from the true score; an invalid one is farthest."""
    old, new = _error(before), _error(after)
    return "improved" if new < old else "worsened" if new > old else "unchanged"


def count_changes(before: Sequence[JudgedRow], after: Sequence[JudgedRow]) -> dict[str, int]:
    """Count every kind of change over the same rows in the same order."""
    counts = Counter(change_of(old, new) for old, new in zip(before, after, strict=True))
    return {change: counts[change] for change in WANTED}


def choose_samples(before: Sequence[JudgedRow], after: Sequence[JudgedRow]) -> list[Sample]:
    """Choose up to `sum(WANTED.values())` rows, spread evenly over each kind of change; the same ones every time."""
    groups: dict[str, list[tuple[JudgedRow, JudgedRow]]] = {change: [] for change in WANTED}
    for pair in zip(before, after, strict=True):
        groups[change_of(*pair)].append(pair)
    quotas = {change: min(count, len(groups[change])) for change, count in WANTED.items()}
    for change, group in groups.items():
        quotas[change] += min(len(group) - quotas[change], sum(WANTED.values()) - sum(quotas.values()))
    return [_sample(change, *pair) for change, group in groups.items() for pair in _spread(group, quotas[change])]


def judged_text(prompt: str) -> tuple[str, str]:
    """Return the conversation and the answer in a pointwise prompt; all of another prompt, and "".

    The prompt's fences are longer than any in the judged texts, so nothing in those can end a section early.
    """
    found = _PROMPT.search(prompt)
    return (found["asked"], found["answer"]) if found else (prompt, "")


def _error(row: JudgedRow) -> int:
    return _WORST if row.predicted is None else abs(row.predicted - row.target)


def _spread(group: Sequence[tuple[JudgedRow, JudgedRow]], count: int) -> list[tuple[JudgedRow, JudgedRow]]:
    return [group[(2 * position + 1) * len(group) // (2 * count)] for position in range(count)]


def _sample(change: str, before: JudgedRow, after: JudgedRow) -> Sample:
    return Sample(change, *judged_text(before.prompt), before, after)
