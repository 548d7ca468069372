"""What training rewards read of a label: the human's word, which is checked as strictly as the judge's.

A label that does not say what a reward needs is `BAD_INPUT`: it is never taken for a tie or a zero, with which a judge
that says the same would be paid in full.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from reward_fn.judges.forms.form import better
from reward_fn.judges.pairwise import PREFERENCES, STRENGTHS, Preference, swapped
from reward_fn.schema import FailureKind, RewardError

Label = Mapping[str, Any]
_DIGITS = re.compile(r"-?[0-9]{1,9}(\.[0-9]{1,9})?")


def bad_label(key: str, value: object, wanted: str) -> RewardError:
    """Return the error of a label that holds something else than is wanted."""
    return RewardError(FailureKind.BAD_INPUT, f"the label's {key} is {value!r}, not {wanted}")


def integer(label: Label, key: str, scale: Collection[int], wanted: str) -> int:
    """Return a whole number, which may be written in digits; 3.0 is one, as columns with gaps hold them.

    Args:
        label: The label.
        key: Where the number stands in it.
        scale: What it may be.
        wanted: The same in words.

    Raises:
        RewardError: It is not there, or not on the scale.
    """
    value = number(label, key, wanted)
    if not value.is_integer() or int(value) not in scale:
        raise bad_label(key, label.get(key), wanted)
    return int(value)


def number(label: Label, key: str, wanted: str) -> float:
    """Return a finite number, which may be written in digits.

    Args:
        label: The label.
        key: Where the number stands in it.
        wanted: What is needed, in words.

    Raises:
        RewardError: It is not there, or something else.
    """
    value = label.get(key)
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        return float(value)
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        raise bad_label(key, value, wanted)
    return float(value)


@dataclass(frozen=True, slots=True)
class PairLabel:
    """What humans say of two answers.

    Attributes:
        preference: The better answer.
        strength: How much better, from -3 to 3, negative where A is; None where the label does not say.
        lengths: The lengths of both answers in whatever unit; None where the label does not say.
        fields: The whole label.
    """

    preference: Preference
    strength: int | None
    lengths: tuple[int, int] | None
    fields: Label

    @property
    def needed_strength(self) -> int:
        """The strength.

        Raises:
            RewardError: The label has none.
        """
        if self.strength is None:
            raise bad_label("strength", None, "a whole number from -3 to 3")
        return self.strength


def pair_label(label: Label) -> PairLabel:
    """Read `reference` (A, B or tie), and `strength`, `length_a` and `length_b` where they are there.

    All of them are turned round if the label has `swapped` and it is true: the judge saw the answers the other way.

    Raises:
        RewardError: One of them is something else, or they contradict each other.
    """
    reference = label.get("reference")
    found = [one for one in PREFERENCES if one == reference]
    if not found:
        raise bad_label("reference", reference, "A, B or tie")
    strength = None if label.get("strength") is None else strength_of(label)
    if strength is not None and better(0, strength) != found[0]:
        raise bad_label("strength", strength, f"one that fits the reference {found[0]} (negative where A is better)")
    lengths = lengths_of(label)
    if not label.get("swapped"):
        return PairLabel(found[0], strength, lengths, label)
    return PairLabel(
        swapped(found[0]), None if strength is None else -strength, lengths and (lengths[1], lengths[0]), label
    )


def strength_of(label: Label) -> int:
    """Read `strength`.

    Raises:
        RewardError: It is not there, or not from -3 to 3.
    """
    return integer(label, "strength", STRENGTHS, "a whole number from -3 to 3")


def scores_of(label: Label, scale: range) -> tuple[float, float]:
    """Read `score_a` and `score_b`, which need not be whole: humans' scores are often means.

    Raises:
        RewardError: One is missing, or not on the scale.
    """
    wanted = f"a score from {scale[0]} to {scale[-1]}"
    found = {key: number(label, key, wanted) for key in ("score_a", "score_b")}
    for key, score in found.items():
        if not scale[0] <= score <= scale[-1]:
            raise bad_label(key, label.get(key), wanted)
    return found["score_a"], found["score_b"]


def lengths_of(label: Label) -> tuple[int, int] | None:
    """Read `length_a` and `length_b`, or None where the label has neither.

    Raises:
        RewardError: One is missing, or is no whole number.
    """
    keys = ("length_a", "length_b")
    if all(label.get(key) is None for key in keys):
        return None
    length_a, length_b = (integer(label, key, range(2**31), "a length of 0 or more") for key in keys)
    return length_a, length_b
