"""The names most like a mistyped one, word by word, so that `total_step` finds `total_training_steps`."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from difflib import SequenceMatcher
from functools import lru_cache

_LIKE = 0.72
"""How alike two names must be, from 0 to 1, for one to be taken for the other."""

_CLOSE = 0.1
"""How much less alike than the best one a candidate may be."""


def nearest(name: str, candidates: Iterable[str], count: int = 3) -> list[str]:
    """Return the candidates most like a name, the best first; none when none is like it."""
    ranked = sorted(((_likeness(name, candidate), candidate) for candidate in set(candidates)), reverse=True)
    return [candidate for likeness, candidate in ranked[:count] if likeness >= max(_LIKE, ranked[0][0] - _CLOSE)]


def did_you_mean(names: list[str]) -> str:
    """Return a question that offers names."""
    return f"did you mean {' or '.join(names)}?"


def known(name: str, names: Collection[str], kind: str) -> str:
    """Return a name that is one of some.

    Args:
        name: The name.
        names: What there is.
        kind: What they are names of.

    Raises:
        ValueError: There is none of that name; the message has all of them and the nearest one.
    """
    if name not in names:
        near = nearest(name, names, 1)
        hint = f" ({did_you_mean(near)})" if near else ""
        raise ValueError(f"there is no {kind} {name!r}; choose one of {', '.join(names)}{hint}")
    return name


def _likeness(name: str, candidate: str) -> float:
    """Return how alike two names are: as a whole, or how well each word of the first is found in the second."""
    whole = _ratio(name, candidate)
    words, others = _words(name), _words(candidate)
    # Words that the candidate has beside them count a little, so that the shorter of two such candidates wins.
    by_words = sum(max(_ratio(word, other) for other in others) for word in words) / len(words)
    return max(whole, by_words - 0.05 * abs(len(others) - len(words)))


def _words(name: str) -> list[str]:
    return re.split(r"[._]", name)


@lru_cache(maxsize=100_000)
def _ratio(one: str, other: str) -> float:
    return SequenceMatcher(None, one, other, autojunk=False).ratio()
