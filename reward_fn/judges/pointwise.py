"""The pointwise judge's prompt and the strict parser of its verdict.

They live here, once: a judge that `rm_train` trains on this prompt is used by `reward_fn` with the same prompt.
The scale and its five attributes are those of HelpSteer2 (nvidia/HelpSteer2): integers from 0 (worst) to 4 (best).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

from reward_fn.schema import Failure, FailureKind

SCORES = range(5)
"""The scale of HelpSteer2: 0, 1, 2, 3, 4."""


class Message(TypedDict):
    """One turn of a conversation, in the chat format of every LLM server."""

    role: str
    content: str


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

    The judged texts stand between fences that are longer than any run of `~` in them, so no text can close its own
    section, and they are inserted as they are: nothing in them is ever substituted.

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
    turns = "\n".join(f"{turn['role'].capitalize()}: {turn['content']}" for turn in conversation)
    longest = max(map(len, re.findall("~+", turns + "\n" + answer)), default=0)
    fence = "~" * max(3, longest + 1)
    content = "\n".join(
        [
            f"Rate {question}, from 0 ({low}) to 4 ({high}).",
            f"{fence} conversation",
            turns,
            f"{fence} answer",
            answer,
            fence,
            "Reply: <reason>what is met and what is missing</reason><score>0 to 4</score>",
        ]
    )
    return [{"role": "user", "content": content}]


_VERDICT = re.compile(
    r"<reason>([^<]*(?:<(?!/?(?:reason|score)>)[^<]*)*)</reason>\s*<score>\s*(\d{1,3})\s*</score>", re.A
)
_TAG = re.compile(r"</?(?:reason|score)>")


def parse_pointwise(text: str) -> PointwiseVerdict | Failure:
    """Read a verdict, strictly: one reason that is not empty, then one integer score in range, and nothing else.

    What a reasoning model thinks (up to the last `</think>`) is not part of its answer. Any text is accepted and none
    raises; what is not a verdict is a `Failure`, never a score of 0.
    """
    if "<think>" in text and "</think>" not in text:
        return Failure(FailureKind.TRUNCATED, True, "the answer ends inside <think>")
    answer = text.rpartition("</think>")[2].strip()
    tags = _TAG.findall(answer)
    if tags != ["<reason>", "</reason>", "<score>", "</score>"]:
        found = " ".join(tags[:8]) or "no tags"
        return _unparseable(f"expected one <reason>…</reason> and then one <score>…</score>, found {found}")
    match = _VERDICT.fullmatch(answer)
    if match is None:
        return _unparseable("text outside the tags, or a score that is not an integer")
    reason, score = match[1].strip(), int(match[2])
    if not reason:
        return _unparseable("the reason is empty")
    if score not in SCORES:
        return _unparseable(f"the score {score} is outside {SCORES[0]} to {SCORES[-1]}")
    return PointwiseVerdict(score, reason)


def _unparseable(detail: str) -> Failure:
    return Failure(FailureKind.UNPARSEABLE, True, detail)


def format_pointwise(verdict: PointwiseVerdict) -> str:
    """Write a verdict in the form that `parse_pointwise` reads."""
    return f"<reason>{verdict.reason}</reason><score>{verdict.score}</score>"
