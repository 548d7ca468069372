"""The rewards of this package by name, and where each one is.

A table and not an import, so that a name costs nothing until it is asked for.
"""

from __future__ import annotations

GALLERY = {
    "accuracy": "reward_fn.rules.text.accuracy:AccuracyReward",
    "length_penalty": "reward_fn.rules.format.length:LengthPenaltyReward",
}
