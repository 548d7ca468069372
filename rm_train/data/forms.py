"""The forms in which a pairwise judge may be asked, by name: data is rendered in one of them when it is prepared."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from reward_fn.judges.pairwise import pairwise_messages
from reward_fn.judges.verdict_text import Message

Render = Callable[[Sequence[Message], Sequence[str]], list[Message]]
"""Takes a conversation and the answers to it, in the order in which they are shown; returns what a judge is asked."""


def _pairwise(conversation: Sequence[Message], answers: Sequence[str]) -> list[Message]:
    answer_a, answer_b = answers
    return pairwise_messages(conversation, answer_a, answer_b)


FORMS: dict[str, Render] = {"pairwise": _pairwise}
"""Name of a form -> what renders it."""
