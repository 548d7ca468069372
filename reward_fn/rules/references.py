"""The right answers that a sample carries, and texts that are too long for a rule."""

from __future__ import annotations

from reward_fn.base import reference_text
from reward_fn.schema import DataSample, FailureKind, RewardError


def references(sample: DataSample) -> list[str]:
    """Return the right answers: the label's `reference`, a text or a list of texts.

    Raises:
        RewardError: There is none, or one is not a text.
    """
    given = sample.output[0].answer.label.get("reference")
    if not isinstance(given, list):
        return [reference_text(sample)]
    if not given or not all(isinstance(text, str) for text in given):
        raise RewardError(FailureKind.BAD_INPUT, "the label's reference is a list, and not of texts")
    return given


def refuse_long(text: str, most: int, what: str = "the answer") -> None:
    """Refuse a text that a rule would take too long for.

    Raises:
        RewardError: It has more than `most` characters.
    """
    if len(text) > most:
        detail = f"{what} has {len(text):,} characters, and max_characters is {most:,}"
        raise RewardError(FailureKind.BAD_INPUT, detail)
