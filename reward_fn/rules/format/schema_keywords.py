"""JSON Schema's keywords whose work an answer could make endless, with bounds.

The package jsonschema runs patterns by `re`, without a time limit, compares all pairs of items that have no order,
looks for each item in a list of those that are evaluated, and divides numbers as floats, where large ones are errors.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from fractions import Fraction
from functools import lru_cache
from typing import Any

from reward_fn.base import UnreadableResponseError
from reward_fn.rules.tokenizers import needed

_deadline: ContextVar[float] = ContextVar("_deadline")

_MOST_UNEVALUATED = 2000
"""Items or properties of one value; the time is quadratic."""

Schema = Mapping[str, Any]
Keyword = Callable[[Any, Any, Any, Schema], Iterator[Any]]


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Let all patterns together take some seconds, and no more.

    Raises:
        UnreadableResponseError: They took longer.
    """
    token = _deadline.set(time.monotonic() + seconds)
    try:
        yield
    except TimeoutError as error:
        raise UnreadableResponseError(f"the schema's patterns took longer than {seconds} s") from error
    finally:
        _deadline.reset(token)


def bounded_keywords(known: Mapping[str, Keyword]) -> dict[str, Keyword]:
    """Return the keywords that replace some of a dialect's."""
    bounded: dict[str, Keyword] = {
        "additionalProperties": _additional_properties,
        "multipleOf": _multiple_of,
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "uniqueItems": _unique_items,
    }
    bounded |= {
        name: _few(name, known[name]) for name in ("unevaluatedItems", "unevaluatedProperties") if name in known
    }
    return {name: keyword for name, keyword in bounded.items() if name in known}


@lru_cache(maxsize=256)
def compiled(pattern: str) -> Any:  # noqa: ANN401 - regex has no types
    """Return a pattern whose searches take a `timeout`."""
    return needed("regex").compile(pattern)


def _found(pattern: str, text: str) -> bool:
    left = max(_deadline.get() - time.monotonic(), 0.0001)
    return compiled(pattern).search(text, timeout=left, concurrent=True) is not None


def _error(message: str) -> Any:  # noqa: ANN401 - jsonschema has no types
    return needed("jsonschema.exceptions").ValidationError(message)


def _pattern(validator: Any, pattern: str, value: object, schema: Schema) -> Iterator[Any]:  # noqa: ANN401
    if isinstance(value, str) and not _found(pattern, value):
        yield _error(f"{value!r} does not match {pattern!r}")


def _pattern_properties(validator: Any, patterns: Schema, value: object, schema: Schema) -> Iterator[Any]:  # noqa: ANN401
    if isinstance(value, dict):
        for pattern, part in patterns.items():
            for key, content in value.items():
                if _found(pattern, key):
                    yield from validator.descend(content, part, path=key, schema_path=pattern)


def _additional_properties(validator: Any, allowed: Any, value: object, schema: Schema) -> Iterator[Any]:  # noqa: ANN401
    if not isinstance(value, dict):
        return
    known, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    for key, content in value.items():
        if key in known or any(_found(pattern, key) for pattern in patterns):
            continue
        if allowed is False:
            yield _error(f"the property {key!r} is not allowed")
        else:
            yield from validator.descend(content, allowed, path=key)


def _multiple_of(validator: Any, divisor: float, value: object, schema: Schema) -> Iterator[Any]:  # noqa: ANN401
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return
    # By the digits as they are written: 0.3 is a multiple of 0.1.
    if value in (math.inf, -math.inf) or Fraction(str(value)) % Fraction(str(divisor)):
        yield _error(f"{value!r} is not a multiple of {divisor!r}")


def _few(name: str, keyword: Keyword) -> Keyword:
    def bounded(validator: Any, wanted: Any, value: object, schema: Schema) -> Iterator[Any]:  # noqa: ANN401
        if isinstance(value, (dict, list)) and len(value) > _MOST_UNEVALUATED:
            detail = f"a value has {len(value):,} parts, and {_MOST_UNEVALUATED:,} at most are looked at for {name}"
            raise UnreadableResponseError(detail)
        yield from keyword(validator, wanted, value, schema)

    return bounded


def _unique_items(validator: Any, wanted: bool, value: object, schema: Schema) -> Iterator[Any]:  # noqa: ANN401
    if wanted and isinstance(value, list) and len(set(map(_identity, value))) < len(value):
        yield _error("items occur more than once")


def _identity(value: Any) -> object:  # noqa: ANN401 - JSON of any shape
    """Return what is equal for equal values of JSON, where 1 is 1.0 and is not true."""
    if isinstance(value, bool):
        return bool, value
    if isinstance(value, list):
        return list, tuple(map(_identity, value))
    if isinstance(value, dict):
        return dict, frozenset((key, _identity(content)) for key, content in value.items())
    return value
