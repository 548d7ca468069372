"""RMB's pairs (Zhou-Zoey/RMB-Reward-Model-Benchmark): a conversation, the better answer and the worse one."""

from __future__ import annotations

from rm_train.data.converters.chat import read_conversation
from rm_train.data.converters.pair import Pair, by_choice
from rm_train.data.fields import Fields


def convert(row: Fields) -> Pair:
    """Convert one row; only the conversation and the two answers are read.

    Raises:
        RowProblem: One of them cannot be used, or the answers are the same.
    """
    chosen, rejected = row.nested("chosen").text("answer"), row.nested("reject").text("answer")
    return by_choice(row.name_of("reject"), read_conversation(row, "conversation_input"), chosen, rejected)
