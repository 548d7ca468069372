"""The pointwise judge's prompt and the strict parser of its verdict.

They live here, once: a judge that `rm_train` trains on this prompt is used by `reward_fn` with the same prompt.
The scale and its five attributes are those of HelpSteer2 (nvidia/HelpSteer2): integers from 0 (worst) to 4 (best).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reward_fn.judges.verdict_text import Message, asked, read_verdict, sections, unparseable
from reward_fn.schema import Failure

SCORES = range(5)
"""The scale of HelpSteer2: 0, 1, 2, 3, 4."""


@dataclass(frozen=True, slots=True)
class PointwiseVerdict:
    """A judge's parsed verdict: `score` is in 0..4, `reason` is not empty."""

    score: int
    reason: str


ATTRIBUTES: dict[str, tuple[str, str, str]] = {
    "helpfulness": ("how helpful the answer is", "no help at all", "does all that was asked"),
    "correctness": ("how correct the answer is", "wrong throughout", "all facts there and right"),
    "coherence": ("how coherent the answer is", "cannot be followed", "clear and consistent"),
    "complexity": ("how much expertise the answer needed", "anybody could write it", "only an expert could"),
    "verbosity": ("how verbose the answer is", "far too short for the task", "far longer than the task needs"),
}
"""Attribute of HelpSteer2 -> what is rated, what 0 means, what 4 means."""


def pointwise_messages(conversation: Sequence[Message], answer: str, attribute: str = "helpfulness") -> list[Message]:
    """Return the chat messages that ask a judge to rate the last answer of a conversation.

    Args:
        conversation: The turns before the answer; the last one is the user's.
        answer: The text to rate.
        attribute: One of `ATTRIBUTES`.

    Raises:
        ValueError: The attribute is unknown.
    """
    if attribute not in ATTRIBUTES:
        raise ValueError(f"unknown attribute {attribute!r}; choose one of {', '.join(ATTRIBUTES)}")
    question, low, high = ATTRIBUTES[attribute]
    return asked(
        f"Rate {question}, from 0 ({low}) to 4 ({high}).",
        sections(conversation, answer=answer),
        "Reply: <reason>what is met and what is missing</reason><score>0 to 4</score>",
    )


def parse_pointwise(text: str) -> PointwiseVerdict | Failure:
    """Read a verdict, strictly; see `read_verdict`. What is not a verdict is a `Failure`, never a score of 0."""
    read = read_verdict(text, score=r"\d{1,3}")
    if isinstance(read, Failure):
        return read
    reason, score = read[0], int(read[1])
    if score not in SCORES:
        return unparseable(f"the score {score} is outside {SCORES[0]} to {SCORES[-1]}")
    return PointwiseVerdict(score, reason)


def format_pointwise(verdict: PointwiseVerdict) -> str:
    """Write a verdict in the form that `parse_pointwise` reads."""
    return f"<reason>{verdict.reason}</reason><score>{verdict.score}</score>"
