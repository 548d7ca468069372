"""Conversations that are lists of messages with a role and a content, as most data sets of preferences have them."""

from __future__ import annotations

from collections.abc import Sequence

from reward_fn.judges.verdict_text import Message
from rm_train.data.errors import BadReason, RowProblem
from rm_train.data.fields import Fields

_ROLES = ("system", "user", "assistant")


def read_messages(row: Fields, name: str) -> list[Message]:
    """Return the messages in a field, whoever has the last word.

    Raises:
        RowProblem: The field is no list of messages, or one has no text or another role.
    """
    turns = row.nested_list(name)
    return [{"role": turn.choice("role", _ROLES), "content": turn.text("content")} for turn in turns]


def check_asks(messages: Sequence[Message], field: str) -> None:
    """Raise a `RowProblem` that names the field unless the last turn is the user's."""
    if not messages or messages[-1]["role"] != "user":
        last = f"the last turn is the {messages[-1]['role']}'s" if messages else "there is no turn"
        raise RowProblem(field, BadReason.BAD_TURNS, f"{last}, not the user's")


def check_turns(messages: Sequence[Message], field: str) -> None:
    """Raise a `RowProblem` that names the field unless user and assistant alternate, from the user to the user.

    The system may speak before them.
    """
    check_asks(messages, field)
    start = int(messages[0]["role"] == "system")
    for number, message in enumerate(messages[start:]):
        expected = ("user", "assistant")[number % 2]
        if message["role"] != expected:
            detail = f"turn {start + number + 1} is the {message['role']}'s, not the {expected}'s"
            raise RowProblem(field, BadReason.BAD_TURNS, detail)


def read_conversation(row: Fields, name: str) -> list[Message]:
    """Return the turns before an answer.

    Raises:
        RowProblem: The field is no list of messages, or they do not alternate and end with the user's.
    """
    messages = read_messages(row, name)
    check_turns(messages, row.name_of(name))
    return messages
