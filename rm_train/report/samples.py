"""Which judgments the report shows side by side, chosen without anybody choosing.

Twenty rows picked by hand can prove anything. These are spread evenly over the validation rows, a fixed number of each
kind of change; the page says how often each kind really occurs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TypeVar

T = TypeVar("T")

WANTED: Mapping[str, int] = {"improved": 8, "unchanged": 6, "worsened": 6}
"""Kind of change -> judgments shown of it; where a kind has too few, the others fill up."""


def change_from(old: float, new: float) -> str:
    """Say which change of `WANTED` it is that what is wrong with a judgment went from `old` to `new`."""
    return "improved" if new < old else "worsened" if new > old else "unchanged"


def count_of_each(changes: Sequence[str]) -> dict[str, int]:
    """Count every kind of change."""
    counts = Counter(changes)
    return {change: counts[change] for change in WANTED}


def spread(things: Sequence[T], changes: Sequence[str]) -> list[tuple[str, T]]:
    """Choose up to `sum(WANTED.values())` things, spread evenly over each kind of change; the same ones every time.

    Args:
        things: What is chosen from.
        changes: The change of each.

    Returns:
        Change and thing, the kinds of change in the order of `WANTED`.
    """
    groups: dict[str, list[T]] = {change: [] for change in WANTED}
    for thing, change in zip(things, changes, strict=True):
        groups[change].append(thing)
    quotas = {change: min(count, len(groups[change])) for change, count in WANTED.items()}
    for change, group in groups.items():
        quotas[change] += min(len(group) - quotas[change], sum(WANTED.values()) - sum(quotas.values()))
    return [(change, thing) for change, group in groups.items() for thing in _evenly(group, quotas[change])]


def _evenly(group: Sequence[T], count: int) -> list[T]:
    return [group[(2 * position + 1) * len(group) // (2 * count)] for position in range(count)]
