"""The right answers that a sample carries, and texts that are too long for a rule.

What is wrong with them is the row's fault and a failure that names the row. A response that is too long is a score.
"""

from __future__ import annotations

import math
from contextlib import suppress

from reward_fn.base import UnreadableResponseError
from reward_fn.schema import DataSample, FailureKind, RewardError


def references(sample: DataSample, max_characters: int | None = None) -> list[str]:
    """Return the right answers: the label's `reference`, a text or number or a list of them; numbers as their digits.

    Args:
        sample: The sample.
        max_characters: The length of the longest reference that the rule can compare; None: no end.

    Raises:
        RewardError: There is none, one is neither a text nor a finite number, or one is too long.

    Example:
        >>> sample = DataSample(output=[DataOutput(answer=Step(label={"reference": [0.5, "1/2"]}))])
        >>> references(sample)
        ['0.5', '1/2']
    """
    given = sample.output[0].answer.label.get("reference")
    if isinstance(given, (list, tuple)):
        if not given:
            raise bad_reference(sample, "the label's reference is an empty list")
        found = [_text(sample, one) for one in given]
    else:
        found = [_text(sample, given)]
    if max_characters is not None and (longest := max(map(len, found))) > max_characters:
        raise bad_reference(sample, _too_long("the reference", longest, max_characters))
    return found


def bad_reference(sample: DataSample, detail: str) -> RewardError:
    """Return the failure of a row whose right answer cannot be used; it names the row.

    Args:
        sample: The sample, which is known by its `unique_id` (verl's `extra_info.index`) and its `source`.
        detail: What is wrong, such as `the reference is empty`.
    """
    row = f"row {sample.unique_id}" if sample.unique_id else "a row" if sample.source else ""
    place = f"{row} of {sample.source}" if sample.source else row
    return RewardError(FailureKind.BAD_INPUT, f"{place}: {detail}" if place else detail)


def refuse_long(text: str, most: int, what: str = "the response") -> None:
    """Refuse a response, or a part of one, that a rule would take too long for.

    Raises:
        UnreadableResponseError: It has more than `most` characters.
    """
    if len(text) > most:
        raise UnreadableResponseError(_too_long(what, len(text), most))


def _too_long(what: str, length: int, most: int) -> str:
    return f"{what} has {length:,} characters, and max_characters is {most:,}"


def _text(sample: DataSample, value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        with suppress(ValueError):  # it has more digits than Python writes
            return str(value)
    elif isinstance(value, float) and math.isfinite(value):
        return str(value)
    if value is None:
        raise bad_reference(sample, "the label's reference is missing")
    kind = f"{value}" if isinstance(value, float) else type(value).__name__
    raise bad_reference(sample, f"the label's reference is {kind}, not a text or a finite number, or a list of them")
