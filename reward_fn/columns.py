"""Rows of tables as samples: our own, rollout dumps and training rows of verl, tables with a column for each field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from reward_fn.base import prompt_opens_thought
from reward_fn.schema import ChatMessage, DataOutput, DataSample, Step

PROMPTS = ("prompt", "question", "input", "query", "instruction", "messages", "problem")
ANSWERS = ("response", "answer", "output", "completion", "responses", "answers", "outputs", "completions")
REFERENCES = ("reference", "ground_truth", "gts", "reward_model.ground_truth", "solution", "target")
"""Names of columns, in the order in which they are looked for. A rollout dump of verl has `input`, `output`, `gts`."""
GOLDS = ("reference", "ground_truth", "gts", "reward_model.ground_truth", "answer", "target", "solution", "output")
"""The same for the reference of rows without responses: there `answer` is the right one."""


class RowError(ValueError):
    """A row is no sample; the message says which column is missing or wrong."""


@dataclass(frozen=True)
class Columns:
    """Which columns hold what; None looks for the usual names. Columns within columns are written with dots.

    Attributes:
        prompt: A text, or messages in the form of the chat API.
        answer: A text, or a list of them.
        reference: What the answers are compared with, in the form that the reward takes.
    """

    prompt: str | None = None
    answer: str | None = None
    reference: str | None = None

    def sample(self, row: Mapping[str, Any]) -> DataSample:
        """Return a row as a sample; all other columns are its metadata.

        `thought_opened` is added to the metadata where the prompt ends with the mark that opens a thought.

        Raises:
            RowError: It has no answer, or a column is of another form.
        """
        if self.answer is None and _is_sample(row):
            return _validated(row)
        found = find(row, self.answer, ANSWERS)
        if found is None:
            wanted = self.answer or f"any of {', '.join(ANSWERS)}"
            raise RowError(f"there is no answer: no column {wanted} among {', '.join(row)}; name it with --answer-key")
        answer_key, answers = found
        texts = answers if isinstance(answers, list) else [answers]
        return self._sample(row, answer_key, texts, REFERENCES)

    def question(self, row: Mapping[str, Any]) -> DataSample:
        """Return a row without a response as a sample with an empty one, whose label has the reference.

        Raises:
            RowError: A column is of another form.
        """
        return _validated(row) if _is_sample(row) else self._sample(row, "", [""], GOLDS)

    def _sample(
        self, row: Mapping[str, Any], answer_key: str, texts: Sequence[Any], references: Sequence[str]
    ) -> DataSample:
        prompt_key, prompt = find(row, self.prompt, [name for name in PROMPTS if name != answer_key]) or ("", None)
        _, reference = find(row, self.reference, references) or ("", None)
        label = {} if reference is None else {"reference": reference}
        used = {key.partition(".")[0] for key in (answer_key, prompt_key)}
        metadata = {key: value for key, value in row.items() if key not in used}
        if answer_key and prompt_opens_thought(prompt):
            metadata["thought_opened"] = True
        return DataSample(
            unique_id=_identity(row),
            input=_messages(prompt_key, prompt),
            output=[DataOutput(answer=Step(content=text, label=label)) for text in texts],
            source=None if row.get("data_source") is None else str(row["data_source"]),
            metadata=metadata,
        )


def _identity(row: Mapping[str, Any]) -> str:
    """Return the name of a row, by which failures name it; verl's rows have it in `extra_info.index`."""
    known = find(row, None, ("unique_id", "uid", "id", "extra_info.index"))
    return "" if known is None else str(known[1])


def find(row: Mapping[str, Any], named: str | None, usual: Sequence[str] = ()) -> tuple[str, Any] | None:
    """Return the first of some columns that a row has, and its value; a column that is null counts as absent.

    Args:
        row: The row.
        named: The only column to look for; columns within columns are written with dots.
        usual: The columns to look for, in order, where none is named.
    """
    for name in [named] if named else usual:
        value: Any = row
        for key in name.split("."):
            value = value.get(key) if isinstance(value, Mapping) else None
        value = row.get(name) if value is None else value
        if value is not None:
            return name, value
    return None


def _messages(key: str, prompt: object) -> list[ChatMessage]:
    if prompt is None:
        return []
    if isinstance(prompt, str):
        return [ChatMessage(content=prompt)]
    try:
        return [ChatMessage.model_validate(message) for message in prompt]  # type: ignore[attr-defined]
    except (TypeError, ValidationError) as error:
        form = "a text, or a list of messages {role, content}"
        raise RowError(f"{key} should be {form}: {_first(error)}") from error


def _validated(row: Mapping[str, Any]) -> DataSample:
    try:
        return DataSample.model_validate(row)
    except ValidationError as error:
        raise RowError(f"it looks like a sample of reward_fn and is not: {_first(error)}") from error


def _is_sample(row: Mapping[str, Any]) -> bool:
    outputs = row.get("output")
    return isinstance(outputs, list) and all(isinstance(one, Mapping) and "answer" in one for one in outputs)


def _first(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    detail = error.errors()[0]
    return f"{'.'.join(map(str, detail['loc']))}: {detail['msg']}"
