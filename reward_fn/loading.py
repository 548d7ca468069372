"""Rewards from names and fields: what a YAML file, a config or a command line says.

reward: weighted_sum
parts:
  format: reasoning_format
  answer: {reward: math_verify_reward, timeout_s: 10}
weights: {format: 0.2, answer: 0.8}
"""

from __future__ import annotations

import difflib
import importlib
import importlib.util
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, SerializeAsAny, ValidationError
from pydantic_core import ErrorDetails

from reward_fn.base import BaseReward
from reward_fn.base.functions import FunctionReward
from reward_fn.registry import RewardRegistry, UnknownRewardError

_PACKAGE = "pkg://"


class RewardConfigError(ValueError):
    """What is written does not describe a reward.

    Attributes:
        problems: Pairs of the key, such as `parts.length.max_length`, and what is wrong with it.
        where: The file that it is written in, if it is one.
    """

    def __init__(self, problems: list[tuple[str, str]], where: str = "") -> None:
        self.problems, self.where = problems, where
        lines = [": ".join(filter(None, (where, key, problem))) for key, problem in problems]
        super().__init__("\n".join(lines))

    def __reduce__(self) -> tuple[type[RewardConfigError], tuple[list[tuple[str, str]], str]]:
        """Let it pass between processes: Ray tells a driver nothing of an error that it cannot pickle."""
        return type(self), (self.problems, self.where)


def load_reward(source: str | Path | Mapping[str, Any]) -> BaseReward:
    """Return the reward that a YAML file, or what was read from one, describes.

    Raises:
        RewardConfigError: It describes none; the message names the file, the key and what to write.
        FileNotFoundError: The file is not there.
    """
    if isinstance(source, Mapping):
        return reward_of(source)
    import yaml

    try:
        content = yaml.safe_load(Path(source).read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise RewardConfigError([("", f"this is not YAML: {error}")], str(source)) from None
    try:
        return reward_of(content)
    except RewardConfigError as error:
        raise RewardConfigError(error.problems, str(source)) from None


def reward_of(described: object) -> BaseReward:
    """Return a reward as it is, or make the one that is described.

    Args:
        described: The name of a reward, a class of one, or a function with verl's signature; or a mapping with one of
            them under `reward` and fields beside it, which are further arguments where it is a function.

    Raises:
        RewardConfigError: There is no such reward or field.
    """
    if isinstance(described, BaseReward):
        return described
    fields = dict(described) if isinstance(described, Mapping) else {"reward": described}
    named = fields.pop("reward", None)
    values: dict[str, Any] = {str(key): value for key, value in fields.items()}
    if isinstance(named, type) and issubclass(named, BaseReward):
        made: type[BaseReward] = named
    elif callable(named) and not isinstance(named, type):
        name = getattr(named, "__name__", type(named).__name__)
        made, values = FunctionReward, {"name": name, "function": named, "kwargs": values}
    elif isinstance(named, str):
        try:
            made = RewardRegistry.get(named)
        except UnknownRewardError as error:
            told = f"{named} is a file; write {named}:NAME for what it holds" if named.endswith(".py") else str(error)
            raise RewardConfigError([("reward", told)]) from None
    elif isinstance(described, Mapping):
        raise RewardConfigError([("reward", f"write the name of a reward here; there are the keys {list(described)}")])
    else:
        raise RewardConfigError([("", f"a reward is a name, or a mapping with the key reward, not {described!r}")])
    try:
        return made(**values)
    except ValidationError as error:
        raise RewardConfigError(list(_problems(made, error))) from None


def load_attribute(path: str, name: str) -> Callable[..., Any]:
    """Return a function or class of a Python file or of an importable module, loaded as verl 0.9.1 loads rewards.

    After `load_module` of verl's utils/import_utils.py.

    Args:
        path: A Python file, or `pkg://PACKAGE.MODULE`.
        name: The name in it.

    Raises:
        RewardConfigError: There is no such module, file or name; the key of the problem is `path` or `name`.
    """
    try:
        if path.startswith(_PACKAGE):
            module = importlib.import_module(path.removeprefix(_PACKAGE).replace("/", "."))
        else:
            spec = importlib.util.spec_from_file_location("custom_module", path.removeprefix("file://"))
            if spec is None or spec.loader is None:
                raise ImportError("it is not a Python file")
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
    except Exception as error:  # a file of a user's: it can raise anything
        why = str(error) if isinstance(error, ImportError | OSError) else f"{type(error).__name__}: {error}"
        told = f"{path} cannot be loaded ({why}); write a Python file, or pkg://PACKAGE.MODULE"
        raise RewardConfigError([("path", told)]) from error
    found = getattr(module, name, None)
    if not callable(found):
        near = difflib.get_close_matches(name, [one for one, value in vars(module).items() if callable(value)], n=1)
        fix = f"did you mean {near[0]}?" if near else "correct the name"
        raise RewardConfigError([("name", f"{path} has no function {name!r}; {fix}")])
    return found  # type: ignore[no-any-return] # its signature is checked where it is called


AnyReward = Annotated[SerializeAsAny[BaseReward], BeforeValidator(reward_of)]
"""A field that is a reward; where it is read from a file, its name and fields."""


def _problems(reward: type[BaseReward], error: ValidationError) -> Iterator[tuple[str, str]]:
    for detail in error.errors():
        key = ".".join(map(str, detail["loc"]))
        cause = detail.get("ctx", {}).get("error")
        if isinstance(cause, RewardConfigError):
            yield from ((".".join(filter(None, (key, below))), problem) for below, problem in cause.problems)
        else:
            yield key, _told(reward, detail)


def _told(reward: type[BaseReward], detail: ErrorDetails) -> str:
    *above, name = map(str, detail["loc"]) if detail["loc"] else ("",)
    owner = _model_at(reward, above)
    if owner and detail["type"] == "extra_forbidden":
        fields = list(owner.model_fields)
        near = difflib.get_close_matches(name, fields, n=1)
        return f"there is no such field; {f'did you mean {near[0]}?' if near else f'there are: {fields}'}"
    if detail["type"] == "missing":
        described = owner.model_fields[name].description if owner else None
        return f"this field is needed{f': {described}' if described else ''}"
    return detail["msg"].removeprefix("Value error, ")


def _model_at(model: type[BaseModel], path: list[str]) -> type[BaseModel] | None:
    """Return the model that a path of fields leads to, if all of them have models."""
    for name in path:
        field = model.model_fields.get(name)
        if field is None or not (isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)):
            return None
        model = field.annotation
    return model
