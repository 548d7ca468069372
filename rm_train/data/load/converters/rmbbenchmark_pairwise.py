"""RMB's pairs (Zhou-Zoey/RMB-Reward-Model-Benchmark): a conversation, the better answer and the worse one."""

from __future__ import annotations

from reward_fn.schema import ChatMessage, DataOutput, DataSample, MessageRole
from rm_train.data.converters.chat import check_asks, read_messages
from rm_train.data.fields import Fields
from rm_train.data.load.converters.answers import answer

_SET = "Pairwise_set/"
"""What all paths of the pairs begin with; those of the best-of-n set name the same tasks after their own word."""


def convert(row: Fields) -> DataSample:
    """Convert one row: the chosen answer, then the rejected one; the task within its set is the task category.

    Raises:
        RowProblem: A field cannot be used, or the conversation does not end with the user.
    """
    path = row.text("category_path")
    turns = row.nested_list("conversation_input")
    return DataSample(
        unique_id=row.text("pair_uid"),
        input=_conversation(row),
        output=[_answer(row, "chosen"), _answer(row, "reject")],
        task_category=path.removeprefix(_SET),
        metadata={"category_path": path, "languages": [turn.optional_text("language") for turn in turns]},
    )


def _conversation(row: Fields) -> list[ChatMessage]:
    messages = read_messages(row, "conversation_input")
    check_asks(messages, row.name_of("conversation_input"))
    return [ChatMessage(role=MessageRole(turn["role"]), content=turn["content"]) for turn in messages]


def _answer(row: Fields, name: str) -> DataOutput:
    given = row.nested(name)
    text = given.text("answer", may_be_empty=True)
    return answer(text, chosen=name == "chosen", model=given.optional_text("llm_name"))
