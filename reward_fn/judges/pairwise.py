"""The pairwise judge's prompt and the strict parser of its verdict.

They live here, once: a judge that `rm_train` trains on this prompt is used by `reward_fn` with the same prompt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from reward_fn.judges.verdict_text import Message, asked, read_verdict, sections
from reward_fn.schema import Failure

Preference = Literal["A", "B", "tie"]
PREFERENCES: tuple[Preference, ...] = get_args(Preference)
STRENGTHS = range(-3, 4)
"""How much better one answer is, as in HelpSteer2 and HelpSteer3: negative where A is."""
_SWAPPED: dict[Preference, Preference] = {"A": "B", "B": "A", "tie": "tie"}


@dataclass(frozen=True, slots=True)
class PairwiseVerdict:
    """A judge's parsed verdict: `preference` says which answer is better; `reason` may be empty in others' forms."""

    preference: Preference
    reason: str


def pairwise_messages(conversation: Sequence[Message], answer_a: str, answer_b: str) -> list[Message]:
    """Return the chat messages that ask a judge which of two answers to a conversation is better.

    Args:
        conversation: The turns before the answers; the last one is the user's.
        answer_a: The text that is shown first.
        answer_b: The text that is shown second.
    """
    return asked(
        "Which answer is better, A or B?",
        sections(conversation, answer_A=answer_a, answer_B=answer_b),
        "Reply: <reason>what each of them meets and misses</reason><preference>A, B or tie</preference>",
    )


def swapped(preference: Preference) -> Preference:
    """Return the same preference when the answers have changed places."""
    return _SWAPPED[preference]


def parse_pairwise(text: str) -> PairwiseVerdict | Failure:
    """Read a verdict, strictly; see `read_verdict`. What is not a verdict is a `Failure`, never a tie."""
    read = read_verdict(text, preference="|".join(PREFERENCES))
    if isinstance(read, Failure):
        return read
    (preference,) = (one for one in PREFERENCES if one == read[1])
    return PairwiseVerdict(preference, read[0])


def format_pairwise(verdict: PairwiseVerdict) -> str:
    """Write a verdict in the form that `parse_pairwise` reads."""
    return f"<reason>{verdict.reason}</reason><preference>{verdict.preference}</preference>"
