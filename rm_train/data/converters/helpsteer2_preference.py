"""HelpSteer2's preferences (nvidia/HelpSteer2, CC-BY-4.0): which of two answers people prefer, and how much.

Prompts of several turns are written as in its ratings. Both sides of the split are in one file, and each row says which
it belongs to. People who found neither answer valid wrote -100, which is no strength.
"""

from __future__ import annotations

from rm_train.data.converters.helpsteer2 import parse_turns
from rm_train.data.converters.pair import Pair, by_strength
from rm_train.data.errors import BadReason, RowProblem
from rm_train.data.fields import Fields, show

SPLIT = "split"
"""The field with the side of a row: a word that begins with train or val."""


def convert(row: Fields) -> Pair:
    """Convert one row; only the fields that are used are checked: split, prompt, both responses and the strength.

    Raises:
        RowProblem: One of them cannot be used.
    """
    split = row.text(SPLIT)
    if not split.startswith(("train", "val")):
        detail = f"should begin with train or val, is {show(split)}"
        raise RowProblem(row.name_of(SPLIT), BadReason.NOT_A_CHOICE, detail)
    answers = row.text("response_1"), row.text("response_2")
    return by_strength(row, "preference_strength", parse_turns(row.text("prompt")), answers)
