"""Forms: how a judge is asked and how its verdict is read, by name.

Ours and those of published judges. A form is one small file with `messages`, a strict `parse` and `write`; what a
verdict is worth in training is not its business (`rm_train/tasks`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reward_fn.judges.forms import (
    attributes,
    boxed,
    bracketed,
    checklist,
    first_error,
    graded,
    json_scores,
    letter,
    listed_scores,
    two_scores,
)
from reward_fn.judges.forms.form import Form, Preferring
from reward_fn.judges.pairwise import format_pairwise, pairwise_messages, parse_pairwise
from reward_fn.judges.pointwise import format_pointwise, parse_pointwise, pointwise_messages
from reward_fn.judges.verdict_text import Message

__all__ = ["FORMS", "PAIR_FORMS", "Form", "Preferring"]


def _pointwise(
    conversation: Sequence[Message], answers: Sequence[str], attribute: str = "helpfulness"
) -> list[Message]:
    return pointwise_messages(conversation, answers[0], attribute)


def _pairwise(conversation: Sequence[Message], answers: Sequence[str]) -> list[Message]:
    return pairwise_messages(conversation, *answers)


FORMS: dict[str, Form[Any]] = {
    "pointwise": Form(answers=1, ask=_pointwise, parse=parse_pointwise, write=format_pointwise),
    "pairwise": Form(answers=2, ask=_pairwise, parse=parse_pairwise, write=format_pairwise, ties=True),
    "attributes": attributes.FORM,
    "boxed": boxed.FORM,
    "bracketed": bracketed.FORM,
    "checklist": checklist.FORM,
    "first_error": first_error.FORM,
    "graded": graded.FORM,
    "json_scores": json_scores.FORM,
    "letter": letter.FORM,
    "listed_pair": listed_scores.PAIR,
    "listed_scores": listed_scores.FORM,
    "two_scores": two_scores.FORM,
}
"""All forms by name."""

PAIR_FORMS: dict[str, Form[Any]] = {name: form for name, form in FORMS.items() if form.answers == 2}
"""The forms whose verdicts are `Preferring`."""
