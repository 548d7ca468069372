"""The configured reward function, loaded and called as verl's reward workers do it, without verl and Ray.

After verl 0.9.1: `get_custom_reward_fn` in trainer/ppo/reward.py, `load_module` in utils/import_utils.py, and the
reward manager `naive`.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import inspect
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any

from omegaconf import DictConfig

from rm_train.launch.checks.problem import ConfigError, Problem

_KEY = "reward.custom_reward_function"
_PACKAGE = "pkg://"


class RewardFunction:
    """A reward with the arguments that the config gives it."""

    def __init__(self, function: Callable[..., Any], arguments: Mapping[str, object]) -> None:
        self._function, self._arguments = function, arguments

    def __call__(self, calls: Sequence[Mapping[str, object]]) -> list[object]:
        """Return what the function says to each call: its result, or the exception that it raised."""
        return asyncio.run(self._all(calls))

    async def _all(self, calls: Sequence[Mapping[str, object]]) -> list[object]:
        return [
            *await asyncio.gather(*(self._one({**call, **self._arguments}) for call in calls), return_exceptions=True)
        ]

    async def _one(self, call: Mapping[str, object]) -> object:
        if inspect.iscoroutinefunction(self._function):
            return await self._function(**call)
        # In a thread, as verl does: a reward that sets signals for its timeouts fails here as it would there.
        return await asyncio.to_thread(self._function, **call)


def load_reward(config: DictConfig) -> RewardFunction:
    """Load the reward function of a config.

    Raises:
        ConfigError: There is no such module, file or function.
    """
    settings = config.reward.custom_reward_function
    module = _load_module(settings.path)
    function = getattr(module, settings.name or "", None)
    if not callable(function):
        raise _refused("name", f"{settings.path} has no function {settings.name!r}", "correct the name")
    return RewardFunction(function, dict(settings.get("reward_kwargs") or {}))


def _load_module(path: str) -> ModuleType:
    try:
        if path.startswith(_PACKAGE):
            return importlib.import_module(path.removeprefix(_PACKAGE).replace("/", "."))
        spec = importlib.util.spec_from_file_location("custom_module", path.removeprefix("file://"))
        if spec is None or spec.loader is None:
            raise ImportError("it is not a Python file")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    except (ImportError, OSError, SyntaxError) as error:
        raise _refused(
            "path", f"{path} cannot be loaded ({error})", "write a Python file, or pkg://PACKAGE.MODULE"
        ) from error
    return module


def _refused(name: str, what: str, fix: str) -> ConfigError:
    return ConfigError(str(Problem(f"{_KEY}.{name}", what, fix)))
