"""What an endpoint says of its limits in the headers of its responses."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def wanted_pause(headers: Mapping[str, str]) -> float:
    """Return the seconds that an endpoint wants to be left alone, by its response's headers; 0 if it says nothing.

    `retry-after-ms` and `retry-after` (RFC 9110: seconds or a date) are obeyed, and of OpenAI's `x-ratelimit-*` headers
    the time until requests or tokens are there again, once none remain.
    """
    wanted = 0.0
    if milliseconds := headers.get("retry-after-ms"):
        wanted = _number(milliseconds) / 1000
    elif after := headers.get("retry-after"):
        wanted = _number(after) or _until(after)
    for what in ("requests", "tokens"):
        if headers.get(f"x-ratelimit-remaining-{what}") == "0":
            wanted = max(wanted, seconds_of(headers.get(f"x-ratelimit-reset-{what}", "")))
    return wanted


def seconds_of(duration: str) -> float:
    """Return the seconds of a duration such as `1m30s`, `250ms` or `3`; 0 if it is none."""
    parts = _DURATION.findall(duration)
    if "".join(number + unit for number, unit in parts) != duration or not parts:
        return _number(duration)
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)


def _until(date: str) -> float:
    try:
        return max(0.0, parsedate_to_datetime(date).timestamp() - time.time())
    except ValueError:
        return 0.0


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        return 0.0
    return number if math.isfinite(number) and number > 0 else 0.0
