"""What rules read of a sample: its only answer, and what that is compared with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from reward_fn.base.final_answer import opens_thought
from reward_fn.schema import DataSample, FailureKind, RewardError


def answer_text(sample: DataSample) -> str:
    """Return the text of a sample's only answer.

    Raises:
        RewardError: There is none, or it is not a text.
    """
    content = sample.output[0].answer.content
    if not isinstance(content, str):
        raise RewardError(FailureKind.BAD_INPUT, f"the answer is {_kind(content)}, not text")
    return content


def reference_text(sample: DataSample) -> str:
    """Return the right answer, which stands in the answer's `label` under `reference`.

    Raises:
        RewardError: There is none, or it is not a text.
    """
    reference = sample.output[0].answer.label.get("reference")
    if not isinstance(reference, str):
        raise RewardError(FailureKind.BAD_INPUT, f"the label's reference is {_kind(reference)}, not text")
    return reference


def prompt_opens_thought(prompt: object) -> bool:
    """Return whether a prompt ends with the mark that opens a thought.

    Args:
        prompt: The rendered prompt as a text; or chat messages, of which the last one may be the beginning of the
            assistant's response. What a chat template adds to messages is not known here.
    """
    if isinstance(prompt, Iterable) and not isinstance(prompt, str):
        last = next(reversed(list(prompt)), None)
        prompt = last.get("content") if isinstance(last, Mapping) and last.get("role") == "assistant" else None
    return isinstance(prompt, str) and opens_thought(prompt)


def _kind(value: object) -> str:
    return "missing" if value is None else type(value).__name__
