r"""HelpSteer2 (nvidia/HelpSteer2, CC-BY-4.0): people's ratings of answers on five attributes, integers from 0 to 4.

A prompt of several turns is one text: `first<extra_id_1>Assistant\nreply\n<extra_id_1>User\nsecond`, where line breaks
around the markers come and go. The judge should see a conversation, so the turns are taken apart here.
"""

from __future__ import annotations

import re

from reward_fn.judges.verdict_text import Message
from rm_train.data.converters.example import Example, read_score
from rm_train.data.errors import BadReason, RowProblem
from rm_train.data.fields import Fields

_MARKER = "<extra_id_1>"
_TURN = re.compile(_MARKER + r"(Assistant|User)\b[ \t]*:?")


def convert(row: Fields, attribute: str) -> Example:
    """Convert one row; only the fields that are used are checked: prompt, response and the attribute.

    Raises:
        RowProblem: One of them cannot be used.
    """
    conversation = parse_turns(row.text("prompt"))
    return Example(conversation, row.text("response"), read_score(row, attribute))


def parse_turns(prompt: str) -> list[Message]:
    """Take a prompt apart into turns that alternate and end with the user's; one without markers stays as it is.

    A marker of the user before the first turn and one of the assistant after the last are tolerated: some tools add
    them.

    Raises:
        RowProblem: A marker names nobody, a turn is empty, or the turns do not alternate or end with the assistant's.
    """
    if _MARKER not in prompt:
        return [{"role": "user", "content": prompt}]
    first, *rest = _TURN.split(prompt)
    turns = [("User", first), *zip(rest[::2], rest[1::2], strict=True)]
    if not first.strip() and len(turns) > 1 and turns[1][0] == "User":
        turns = turns[1:]
    if turns[-1][0] == "Assistant" and not turns[-1][1].strip():
        turns = turns[:-1]
    for number, (role, text) in enumerate(turns):
        if _MARKER in text:
            raise _bad_turns(f"a {_MARKER} is followed by neither Assistant nor User")
        if role != ("User", "Assistant")[number % 2]:
            raise _bad_turns(f"turns {number} and {number + 1} are both the {role.lower()}'s")
        if not text.strip():
            raise _bad_turns(f"turn {number + 1} is empty")
    if len(turns) % 2 == 0:
        raise _bad_turns("the last turn is the assistant's")
    return [{"role": role.lower(), "content": text.strip("\n")} for role, text in turns]


def _bad_turns(detail: str) -> RowProblem:
    return RowProblem("prompt", BadReason.BAD_TURNS, detail)
