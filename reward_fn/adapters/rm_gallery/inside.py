"""What runs beside RM-Gallery, in a worker process: one answer to its reward, and what that says as plain data.

This imports nothing of ours: the environment may be another one, which has what RM-Gallery needs and no more.
"""

from __future__ import annotations

import difflib
import importlib
import io
import json
from collections import deque
from contextlib import redirect_stdout
from functools import lru_cache
from typing import Any

_log: deque[str] = deque(maxlen=3)
"""The last warnings and errors that RM-Gallery has logged: often the only trace of an exception."""
_SWALLOWED = ("Exception occurred: ", "Evaluation error: ")
"""How RM-Gallery's rules begin the reason of a score that stands for an exception."""


class _UnusableError(Exception):
    """There is no reward to ask; the message says why."""


class _MissingError(_UnusableError):
    """RM-Gallery, or something that it imports, is not installed."""


def prepare() -> None:
    """Import RM-Gallery, if it is there, before the clock of a job starts."""
    try:
        _rewards()
    except _UnusableError:
        return  # each job says so


def evaluate(name: str, params: str, sample: dict[str, Any]) -> dict[str, Any]:
    """Have a reward of RM-Gallery's evaluate a sample with one answer.

    Args:
        name: The reward's name in RM-Gallery's registry, or `MODULE:CLASS`.
        params: The fields of the reward, as JSON.
        sample: The sample, as the JSON that RM-Gallery's schema reads.

    Returns:
        `score`, `reason` and `extra_data`; or `failure` with its kind, `detail`, and `missing` if RM-Gallery is not
        installed.
    """
    try:
        reward = _reward(name, params)
    except _UnusableError as error:
        return {"failure": "unavailable", "detail": str(error), "missing": isinstance(error, _MissingError)}
    from pydantic import ValidationError
    from rm_gallery.core.data.schema import DataSample

    try:
        read = DataSample.model_validate(sample)
    except ValidationError as error:
        return {"failure": "bad_input", "detail": f"RM-Gallery cannot read the sample: {error}"}
    _log.clear()
    answer = reward.evaluate(read).output[0].answer
    return _told(name, answer.reward, answer.additional_kwargs.get(reward.name) or {})


def _told(name: str, given: Any, extra: dict[str, Any]) -> dict[str, Any]:  # noqa: ANN401 - RM-Gallery's Reward
    if not given.details:
        error = extra.get("error") or "; ".join(_log) or "it does not say why"
        return {"failure": "crash", "detail": f"RM-Gallery's {name} gave no details: {error}"}
    reasons = [part.reason for part in given.details if part.reason]
    swallowed = next((reason for reason in reasons if reason.startswith(_SWALLOWED)), extra.get("error"))
    if swallowed:
        return {"failure": "crash", "detail": f"RM-Gallery's {name} made a score of an exception: {swallowed}"}
    kept = json.loads(json.dumps(extra, default=str))
    return {"score": float(given.score), "reason": "; ".join(reasons), "extra_data": kept}


@lru_cache
def _rewards() -> dict[str, Any]:
    """Import RM-Gallery without its log, and return its registered rewards by name."""
    try:
        with redirect_stdout(io.StringIO()):
            importlib.import_module("rm_gallery")
            registry = importlib.import_module("rm_gallery.core.reward.registry").RewardRegistry
            logger = importlib.import_module("loguru").logger
            logger.remove()
    except ImportError as error:
        raise _MissingError(f"RM-Gallery cannot be imported: {error}") from error
    logger.add(lambda message: _log.append(message.record["message"]), level="WARNING")
    return dict(registry._registry)


@lru_cache(maxsize=64)
def _reward(name: str, params: str) -> Any:  # noqa: ANN401 - RM-Gallery's BaseReward
    rewards = _rewards()
    made = _imported(name) if ":" in name else rewards.get(name)
    if made is None:
        near = difflib.get_close_matches(name, rewards, n=3) or sorted(rewards)
        raise _UnusableError(f"RM-Gallery has no reward called {name!r}; there are: {', '.join(near)}")
    base = importlib.import_module("rm_gallery.core.reward.base")
    if issubclass(made, base.BaseLLMReward):
        raise _UnusableError(
            f"RM-Gallery's {name} asks an LLM, and takes a reply that it cannot read for a perfect score; the judges "
            "of this package have the same names"
        )
    if not issubclass(made, base.BasePointWiseReward):
        raise _UnusableError(f"RM-Gallery's {name} does not score one answer at a time")
    try:
        return made(**json.loads(params))
    except Exception as error:
        raise _UnusableError(f"RM-Gallery's {name} cannot be made with {params}: {error}") from error


def _imported(place: str) -> Any:  # noqa: ANN401 - a class
    module, _, attribute = place.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise _UnusableError(f"there is no {place}: {error}") from error
