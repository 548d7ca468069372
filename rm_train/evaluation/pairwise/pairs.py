"""Which rows belong together: the two orders of a pair."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from reward_fn.judges.pairwise import Preference, swapped

ORDERS = range(2)
"""A pair is shown as it stands in the data, and swapped."""


class OfPair(Protocol):
    """A row about one order of a pair."""

    @property
    def pair_id(self) -> str:
        """The same for both rows of a pair."""

    @property
    def order(self) -> int:
        """One of `ORDERS`."""

    @property
    def target(self) -> Preference:
        """The better answer, as this row shows them."""


P = TypeVar("P", bound=OfPair)


def pairs_of(rows: Sequence[P]) -> list[list[P]]:
    """Return the rows of each pair, by their order; a pair of which one order is left out has one row.

    Raises:
        ValueError: An order is unknown or there twice, or the two orders do not prefer the same answer.
    """
    pairs: dict[str, list[P]] = {}
    for row in rows:
        pairs.setdefault(row.pair_id, []).append(row)
    for pair_id, pair in pairs.items():
        pair.sort(key=lambda row: row.order)
        orders = [row.order for row in pair]
        if len(set(orders)) < len(orders) or not set(orders) <= set(ORDERS):
            raise ValueError(f"the rows of the pair {pair_id!r} have the orders {orders}; there is one 0 and one 1")
        if len(pair) == len(ORDERS) and pair[1].target != swapped(pair[0].target):
            raise ValueError(
                f"the two orders of the pair {pair_id!r} contradict each other: {pair[0].target} and {pair[1].target}"
            )
    return list(pairs.values())


def whole_pairs(rows: Sequence[P]) -> list[list[P]]:
    """Return the pairs of which both orders are there; see `pairs_of`."""
    return [pair for pair in pairs_of(rows) if len(pair) == len(ORDERS)]
