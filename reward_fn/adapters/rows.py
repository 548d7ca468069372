"""From what a trainer passes to a reward to a sample: which of a row's fields is what.

The defaults fit rows as verl's own examples make them (`reward_model.ground_truth`, and `extra_info` with the rest);
a mapping in the config says where else to look.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from reward_fn.base import prompt_opens_thought
from reward_fn.schema import ChatMessage, DataOutput, DataSample, FailureKind, MessageRole, RewardError, Step

_STARTS = ("ground_truth", "extra_info", "data_source", "prompt")
_CONVERSATIONS = ("prompt", "extra_info.prompt", "extra_info.question")
"""Where a conversation is looked for, the first that is there; verl tells only managers the prompt itself."""
_ROLES = frozenset(role.value for role in MessageRole)


@dataclass(frozen=True, slots=True)
class Row:
    """What a trainer knows of one answer; the names are verl's.

    Attributes:
        data_source: The data set.
        answer: The answer's text, without special tokens.
        ground_truth: The row's `reward_model.ground_truth`, of any JSON shape.
        extra_info: The row's `extra_info`.
        prompt: The conversation before the answer: messages, or a text; None where the trainer does not tell it.
        thought_opened: Whether the rendered prompt opened the thought, where `prompt` does not show it.
    """

    data_source: str
    answer: str
    ground_truth: object
    extra_info: Mapping[str, Any] = field(default_factory=dict)
    prompt: object = None
    thought_opened: bool = False


def _in_a_row(place: str) -> str:
    if place.split(".")[0] not in _STARTS:
        raise ValueError(f"{place!r} is no place in a row; it starts with one of {', '.join(_STARTS)}")
    return place


Place = Annotated[str, AfterValidator(_in_a_row)]
"""A place in a row: `ground_truth`, `extra_info.KEY`, `data_source` or `prompt`; more dots lead into mappings."""


class SampleFields(BaseModel):
    """Where the fields of a sample stand in a row.

    A place that is written here and is not in a row is bad input; the defaults may be missing.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    conversation: Place | None = Field(
        default=None,
        description=f"messages, or a text of the user; by default the first there is of {list(_CONVERSATIONS)}",
    )
    reference: Place = Field(
        default="ground_truth", description="the right answer; a mapping becomes the label as it is"
    )
    label: dict[str, Place] = Field(default={}, description="more keys of the label, and where their values stand")
    metadata: dict[str, Place] = Field(default={}, description="keys of the metadata, and where their values stand")
    task_category: Place | None = Field(default=None, description="the kind of task")
    unique_id: Place | None = Field(default=None, description="what the row is known by; by default `extra_info.index`")

    def sample(self, row: Row) -> DataSample:
        """Return a row and its answer as a sample.

        Raises:
            RewardError: A field that the mapping names is missing, or the conversation holds more than text.
        """
        task_category = None if self.task_category is None else str(_needed(row, self.task_category))
        answer = Step.unchecked({**_STEP, "content": row.answer, "label": self._label(row)})
        return DataSample.unchecked(
            {
                "unique_id": self._unique_id(row),
                "input": self._conversation(row),
                "output": [DataOutput.unchecked({"answer": answer, "steps": None})],
                "task_category": task_category,
                "source": row.data_source,
                "metadata": self._metadata(row),
            }
        )

    def _label(self, row: Row) -> dict[str, Any]:
        reference = _needed(row, self.reference) if self.reference != "ground_truth" else plain(row.ground_truth)
        label: dict[str, Any] = {}
        if isinstance(reference, dict):
            label = dict(reference)
        elif isinstance(reference, int | float) and not isinstance(reference, bool):
            # Rules compare texts; a rating or a number is its digits.
            label["reference"] = str(reference)
        elif reference is not None:
            label["reference"] = reference
        for key, path in self.label.items():
            label[key] = _needed(row, path)
        return label

    def _metadata(self, row: Row) -> dict[str, Any]:
        metadata = {key: _needed(row, path) for key, path in self.metadata.items()}
        # Not written where it is false: keys of caches stay as they are.
        if row.thought_opened or prompt_opens_thought(row.prompt):
            metadata["thought_opened"] = True
        return metadata

    def _unique_id(self, row: Row) -> str:
        if self.unique_id is not None:
            return str(_needed(row, self.unique_id))
        index = row.extra_info.get("index")
        return "" if index is None else str(index)

    def _conversation(self, row: Row) -> list[ChatMessage]:
        if self.conversation is not None:
            return _messages(_needed(row, self.conversation), self.conversation)
        for path in _CONVERSATIONS:
            found = value_at(row, path)
            if found is not None:
                return _messages(found, path)
        return []


_STEP = Step(content="").__dict__


def plain(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Return a value that came out of a parquet file, with numpy's arrays and numbers as lists and numbers."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return value


def value_at(row: Row, place: Place) -> Any:  # noqa: ANN401 - any JSON value
    """Return what stands at a place in a row; None where there is nothing."""
    start, *keys = place.split(".")
    value: Any = getattr(row, start)
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return plain(value)


def _needed(row: Row, path: str) -> Any:  # noqa: ANN401 - any JSON value
    value = value_at(row, path)
    if value is None:
        there = f"extra_info has {sorted(row.extra_info)}" if path.startswith("extra_info") else "there is nothing"
        raise RewardError(FailureKind.BAD_INPUT, f"the row of {row.data_source} has no {path}; {there}")
    return value


def _messages(found: object, path: str) -> list[ChatMessage]:
    if isinstance(found, str):
        return [ChatMessage(role=MessageRole.USER, content=found)]
    if not isinstance(found, Sequence):
        raise RewardError(FailureKind.BAD_INPUT, f"{path} is {type(found).__name__}, not messages or a text")
    return [_message(one, f"{path}[{index}]") for index, one in enumerate(found)]


def _message(found: object, where: str) -> ChatMessage:
    role = found.get("role") if isinstance(found, Mapping) else None
    if not isinstance(found, Mapping) or role not in _ROLES:
        raise RewardError(FailureKind.BAD_INPUT, f"{where} is no message: its role is {role!r}")
    calls = found.get("tool_calls")
    return ChatMessage(role=MessageRole(role), content=_text(found.get("content"), where), tool_calls=calls or None)


def _text(content: Any, where: str) -> str | None:  # noqa: ANN401 - any JSON value
    if content is None or isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else [content]
    kinds = [part.get("type") if isinstance(part, Mapping) else type(part).__name__ for part in parts]
    if other := [kind for kind in kinds if kind != "text"]:
        raise RewardError(FailureKind.BAD_INPUT, f"{where} holds {other[0]}; rewards here read text only")
    return "".join(str(part["text"]) for part in parts)
