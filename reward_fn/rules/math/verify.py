"""What `math_verify_reward` has a worker process do. Importing this imports math-verify and sympy."""

from __future__ import annotations

import logging
from functools import lru_cache
from typing import Any

from math_verify import ExprExtractionConfig, LatexExtractionConfig, parse, verify

logging.getLogger("math_verify").setLevel(logging.ERROR)  # it warns of each time limit that is off
_CONFIG = (LatexExtractionConfig(), ExprExtractionConfig())


def compare(
    gold: str, answer: str, float_rounding: int, numeric_precision: int, strict: bool
) -> tuple[bool, str] | None:
    """Compare an answer with the right one.

    math-verify's own time limits are off: they only work in a main thread, and hide what they end. The worker has one.

    Returns:
        Whether they are equal, and what was found in the answer; None if the right answer has no expression.
    """
    gold_values = _gold(gold)
    if not gold_values:
        return None
    values = parse(answer, extraction_config=_CONFIG, parsing_timeout=None)
    if not values:
        return False, ""
    equal = verify(
        gold_values,
        values,
        float_rounding=float_rounding,
        numeric_precision=numeric_precision,
        strict=strict,
        timeout_seconds=None,
    )
    return bool(equal), str(values[-1])[:200]


@lru_cache(maxsize=256)
def _gold(text: str) -> list[Any]:
    """Return the values of a right answer, which the answers to one prompt share."""
    values: list[Any] = parse(text, extraction_config=_CONFIG, parsing_timeout=None)
    return values
