"""What rules read of a sample: its only answer, and what that is compared with."""

from __future__ import annotations

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


def _kind(value: object) -> str:
    return "missing" if value is None else type(value).__name__
