"""Whether an answer is written as reasoning models are asked to: thoughts first, then the answer or tool calls."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field, field_validator, model_validator
from typing_extensions import Self

from reward_fn.rules.format.strict_json import parsed
from reward_fn.rules.format.tags import Block, ThoughtTagReward, blocks, outside, tag_name
from reward_fn.schema import DataSample, RewardResult


class _TagsReward(ThoughtTagReward):
    """A rule whose score is 1 where `_fault` finds none."""

    version: ClassVar[int] = 2
    formula: ClassVar[str] = "1 if the format is kept, else 0"
    source: ClassVar[str] = "DeepSeek-AI 2025, DeepSeek-R1 (section 2.2); RM-Gallery"

    answer_token: str = Field("answer", description="the tag of the answer")

    _names = field_validator("answer_token", "tool_call_token", check_fields=False)(tag_name)

    @model_validator(mode="after")
    def _differ(self) -> Self:
        if len(set(self._tags)) < len(self._tags):
            raise ValueError(f"the tags {', '.join(self._tags)} must differ")
        return self

    @property
    def _tags(self) -> tuple[str, ...]:
        return self.think_token, self.answer_token

    def _evaluate(self, sample: DataSample, **kwargs: Any) -> RewardResult:  # noqa: ANN401
        text = self._answer(sample)
        fault = self._fault(f"<{self.think_token}>{text}" if self._thought_opened(sample) else text)
        return RewardResult.of(self.name, float(fault is None), fault or "the format is kept")

    def _fault(self, text: str) -> str | None:
        raise NotImplementedError


class ReasoningFormatReward(_TagsReward):
    """Whether an answer is one thought and then one answer, each in its tags and not empty.

    RM-Gallery asks only that both pairs occur somewhere: in any order, nested, several times or empty. Here what
    stands outside the tags must be white space, unless `allow_text_around` is set. Chat templates that write the
    opening tag of the thought into the prompt need `thought_opened`.
    """

    name: str = "reasoning_format"
    allow_text_around: bool = Field(False, description="whether text may stand outside the tags")

    def _fault(self, text: str) -> str | None:
        found = blocks(text, self._tags)
        if isinstance(found, str):
            return found
        order = [block.name for block in found]
        if order != [self.think_token, self.answer_token]:
            return f"expected one <{self.think_token}> and then one <{self.answer_token}>, found {_shown(order)}"
        return _empty(found) or _around(text, found, allowed=self.allow_text_around)


class ReasoningToolCallFormatReward(_TagsReward):
    """Whether an answer is one thought and then either one answer or tool calls in JSON.

    As RM-Gallery's, but a call that is no JSON object, or lacks a name that is a text or arguments, is a fault and
    no exception, and the time is linear: there, 22 calls take a second and each further one twice as long.
    """

    name: str = "reasoning_tool_call_format"
    tool_call_token: str = Field("tool_call", description="the tag of a tool call")

    @property
    def _tags(self) -> tuple[str, ...]:
        return self.think_token, self.answer_token, self.tool_call_token

    def _fault(self, text: str) -> str | None:
        found = blocks(text, self._tags)
        if isinstance(found, str):
            return found
        order = [block.name for block in found]
        calls = found[1:]
        kinds = set(order[1:])
        if order[:1] != [self.think_token] or not (order[1:] == [self.answer_token] or kinds == {self.tool_call_token}):
            return (
                f"expected one <{self.think_token}> and then one <{self.answer_token}> or some "
                f"<{self.tool_call_token}>, found {_shown(order)}"
            )
        fault = _empty(found) or _around(text, found, allowed=False)
        if fault or kinds == {self.answer_token}:
            return fault
        return next((fault for call in calls if (fault := _call_fault(call.content))), None)


def _call_fault(content: str) -> str | None:
    try:
        call = parsed(content)
    except ValueError as error:
        return f"a tool call is not JSON: {error}"
    if not isinstance(call, dict):
        return "a tool call is not a JSON object"
    if not isinstance(call.get("name"), str) or not call["name"]:
        return "a tool call has no name"
    if "arguments" not in call:
        return "a tool call has no arguments"
    return None


def _empty(found: list[Block]) -> str | None:
    return next((f"<{block.name}> is empty" for block in found if not block.content.strip()), None)


def _around(text: str, found: list[Block], *, allowed: bool) -> str | None:
    return "text stands outside the tags" if not allowed and outside(text, found).strip() else None


def _shown(names: list[str]) -> str:
    shown = " ".join(f"<{name}>" for name in names[:6]) or "none"
    return f"{shown} …" if len(names) > 6 else shown
