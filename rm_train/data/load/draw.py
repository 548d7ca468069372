"""A draw of some items in one pass, which holds no more of them than are drawn."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from itertools import islice
from operator import itemgetter
from typing import TypeVar

from rm_train.data.hashing import hash64

_Item = TypeVar("_Item")


def drawn(items: Iterable[_Item], limit: int | None, seed: int | None) -> list[_Item]:
    """Return `limit` of the items in their order; all if there are fewer, or if it is None.

    The items whose places have the smallest hashes are drawn, so a larger limit adds to the draw of a smaller one.
    Without a seed it is the first ones, and no more are read.
    """
    if limit is None:
        return list(items)
    if seed is None:
        return list(islice(items, limit))
    found = heapq.nsmallest(limit, enumerate(items), key=lambda pair: hash64(f"{seed}:{pair[0]}"))
    return [item for _, item in sorted(found, key=itemgetter(0))]
