"""Plain values as JSON, for the way out of a sandbox: what comes out is data, and can do nothing.

Pickles run code when they are read, `marshal` may crash, and JSON alone turns tuples into lists. Only the standard
library is imported: this module is sent to remote sandboxes too.
"""

from __future__ import annotations

import json
from typing import Any

_EXACT = 2**53
"""Integers from here on are written in hexadecimal: Python refuses to read long decimals."""


def dumps(value: object) -> str:
    """Write a value of None, bool, int, float, complex, str, bytes, list, tuple, set, dict, or of numpy.

    Raises:
        TypeError: It is of another type, or holds one.
        RecursionError: It is nested too deeply, or holds itself.
    """
    return json.dumps(_plain(value))


def loads(text: str) -> Any:  # noqa: ANN401 - any plain value
    """Read what `dumps` wrote, or what claims to be that.

    Raises:
        ValueError: It is not that.
    """
    try:
        return _value(json.loads(text))
    except (TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        raise ValueError(f"not a plain value: {error}") from None


def _plain(value: Any) -> object:  # noqa: ANN401
    if value is None or isinstance(value, (bool, float, str)):
        return value
    if isinstance(value, int):
        return value if abs(value) < _EXACT else {"int": hex(value)}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, tuple):
        return {"tuple": [_plain(item) for item in value]}
    if isinstance(value, (set, frozenset)):
        return {"set": [_plain(item) for item in value]}
    if isinstance(value, dict):
        return {"dict": [[_plain(key), _plain(item)] for key, item in value.items()]}
    if isinstance(value, (bytes, bytearray)):
        return {"bytes": value.hex()}
    if isinstance(value, complex):
        return {"complex": [value.real, value.imag]}
    if type(value).__module__ == "numpy":
        return _plain(value.tolist())
    raise TypeError(f"a {type(value).__name__} is not a plain value")


def _value(plain: Any) -> Any:  # noqa: ANN401
    if isinstance(plain, list):
        return [_value(item) for item in plain]
    if not isinstance(plain, dict):
        return plain
    ((kind, content),) = plain.items()
    return _READ[kind](content)


_READ: dict[str, Any] = {
    "int": lambda text: int(text, 16),
    "tuple": lambda items: tuple(map(_value, items)),
    "set": lambda items: set(map(_value, items)),
    "dict": lambda pairs: {_value(key): _value(item) for key, item in pairs},
    "bytes": bytes.fromhex,
    "complex": lambda parts: complex(*parts),
}
