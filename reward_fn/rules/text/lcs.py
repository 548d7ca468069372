"""The length of the longest common subsequence, 30 cells of the table at a time.

A column of the classical table differs by 0 or 1 from cell to cell, so it fits in the bits of an integer, and the next
column takes a handful of operations on that integer: Hyyrö 2004, "Bit-parallel LCS-length computation revisited", after
Crochemore et al. 2001, "A fast and practical bit-vector algorithm for the longest common subsequence problem".
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from reward_fn.base import UnreadableResponseError

_MOST_CELLS = 4 * 10**8
"""Items of one sequence times items of the other up to which the table takes no more than some tenths of a second."""


def common_length(first: Sequence[Hashable], second: Sequence[Hashable], too_many: str) -> int:
    """Return the length of the longest common subsequence of two sequences, if that takes no long time.

    Args:
        first: A sequence.
        second: The other one.
        too_many: What the error says after their lengths, such as `lines are too many to compare`.

    Raises:
        UnreadableResponseError: They have more than 4e8 pairs of items, not counted what `reduced` leaves out.
    """
    if len(first) * len(second) <= _MOST_CELLS:
        return lcs_length(first, second)
    known, one, two = reduced(first, second)
    if len(one) * len(two) > _MOST_CELLS:
        raise UnreadableResponseError(f"{len(first):,} and {len(second):,} {too_many}")
    return known + lcs_length(one, two)


def lcs_length(first: Sequence[Hashable], second: Sequence[Hashable]) -> int:
    """Return the length of the longest common subsequence of two sequences."""
    short, long = sorted((first, second), key=len)
    places: dict[Hashable, int] = {}
    for index, item in enumerate(short):
        places[item] = places.get(item, 0) | 1 << index
    all_ones = (1 << len(short)) - 1
    column = all_ones
    for item in long:
        if match := places.get(item):
            common = column & match
            column = ((column + common) | (column - common)) & all_ones
    # A cell that is one more than the one above it is a zero bit.
    return len(short) - column.bit_count()


def reduced(first: Sequence[Hashable], second: Sequence[Hashable]) -> tuple[int, list[Hashable], list[Hashable]]:
    """Leave out what needs no table: items that only one sequence has, and what both begin and end with.

    Returns:
        A number, and two sequences that have a longest common subsequence shorter by it.
    """
    common = set(first).intersection(second)
    one, two = [item for item in first if item in common], [item for item in second if item in common]
    start = next((i for i, (a, b) in enumerate(zip(one, two, strict=False)) if a != b), min(len(one), len(two)))
    one, two = one[start:], two[start:]
    pairs = zip(reversed(one), reversed(two), strict=False)
    end = next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(one), len(two)))
    return start + end, one[: len(one) - end], two[: len(two) - end]
