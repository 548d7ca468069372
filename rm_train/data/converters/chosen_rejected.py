"""Any set with a chosen and a rejected answer, in the forms that preference trainers take.

The answers are texts, or lists of messages that end with the answer. Such a list may repeat the conversation, as in
UltraFeedback's binarized form; else the conversation is the prompt: a text, or a list of messages.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from reward_fn.judges.verdict_text import Message
from rm_train.data.converters.chat import check_turns, read_conversation, read_messages
from rm_train.data.converters.pair import Pair, by_choice
from rm_train.data.errors import BadReason, RowProblem
from rm_train.data.fields import Fields

USUAL_NAMES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "prompt": ("prompt", "messages", "conversation", "question", "instruction"),
        "chosen": ("chosen", "chosen_response"),
        "rejected": ("rejected", "rejected_response"),
        "score_chosen": ("score_chosen", "chosen_score"),
        "score_rejected": ("score_rejected", "rejected_score"),
    }
)
"""What is read -> the names that it usually has; the first that a row has is taken, unless a name is given."""


def convert(row: Fields, names: Mapping[str, str] = MappingProxyType({})) -> Pair:
    """Convert one row; the scores may be left out.

    Args:
        row: The row.
        names: A key of `USUAL_NAMES` -> the name of the field in this data set.

    Raises:
        RowProblem: A field cannot be used, the two answers belong to different conversations or are the same.
    """
    found = {key: names.get(key) or _usual_name(row, key) for key in USUAL_NAMES}
    before, chosen = _answer(row, found["chosen"])
    before_rejected, rejected = _answer(row, found["rejected"])
    if before != before_rejected:
        detail = f"the turns before the answer are not those of {row.name_of(found['chosen'])}"
        raise RowProblem(row.name_of(found["rejected"]), BadReason.CONTRADICTION, detail)
    if before:
        check_turns(before, row.name_of(found["chosen"]))
    conversation = before or _prompt(row, found["prompt"])
    scores = row.optional_number(found["score_chosen"]), row.optional_number(found["score_rejected"])
    return by_choice(row.name_of(found["rejected"]), conversation, chosen, rejected, scores)


def _usual_name(row: Fields, key: str) -> str:
    return next((name for name in USUAL_NAMES[key] if row.has(name)), key)


def _answer(row: Fields, name: str) -> tuple[list[Message], str]:
    """Return the turns before an answer, if the field has any, and the answer."""
    if not row.is_list(name):
        return [], row.text(name)
    *before, last = read_messages(row, name)
    if last["role"] != "assistant":
        detail = f"the last turn is the {last['role']}'s, not the assistant's"
        raise RowProblem(row.name_of(name), BadReason.BAD_TURNS, detail)
    return before, last["content"]


def _prompt(row: Fields, name: str) -> list[Message]:
    if row.is_list(name):
        return read_conversation(row, name)
    return [{"role": "user", "content": row.text(name)}]
