"""JSON as its standard has it."""

from __future__ import annotations

import json
from typing import Any, NoReturn


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse)


def parsed(text: str) -> Any:  # noqa: ANN401 - JSON of any shape
    """Read a JSON text, without `NaN` and `Infinity`, which Python reads too.

    Raises:
        ValueError: It is not JSON, or nested more deeply than can be read.
    """
    try:
        return _DECODER.decode(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
