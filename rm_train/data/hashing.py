"""Draws that need no seed: what a text's hash decides is the same on every machine, and in every order of the rows."""

from __future__ import annotations

import hashlib


def hash64(text: str) -> int:
    """Return 64 bits of a text's SHA-256: the same on every machine, and like random ones."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
