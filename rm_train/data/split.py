"""Which side a row belongs to, decided by its prompt alone.

Rows of one prompt never fall on both sides, and a prompt keeps its side when rows are added: nothing but its own text
is looked at.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Sequence

from reward_fn.judges.pointwise import Message
from rm_train.data.settings import Side

_KEYS = 1 << 64


def prompt_key(conversation: Sequence[Message]) -> int:
    """Return 64 bits that stand for a conversation, whatever its letter case, white space and Unicode form."""
    text = "\0".join(part for turn in conversation for part in (turn["role"], _normal(turn["content"])))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def side_of(key: int, val_fraction: float) -> Side:
    """Return the side of a prompt; `val_fraction` of all prompts, in (0, 1), are held out."""
    return "validation" if key < val_fraction * _KEYS else "train"


def _normal(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())
