"""Rewards from names and fields: what a YAML file, a config or a command line says.

reward: weighted_sum
parts:
  format: reasoning_format
  answer: {reward: math_verify_reward, timeout_s: 10}
weights: {format: 0.2, answer: 0.8}
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, SerializeAsAny, ValidationError
from pydantic_core import ErrorDetails

from reward_fn.base import BaseReward
from reward_fn.registry import RewardRegistry, UnknownRewardError


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
    """Return a reward as it is, or make the one that a name, or a mapping with a name and fields, describes.

    Raises:
        RewardConfigError: They describe none.
    """
    if isinstance(described, BaseReward):
        return described
    fields = {"reward": described} if isinstance(described, str) else described
    if not isinstance(fields, Mapping):
        raise RewardConfigError([("", f"a reward is a name, or a mapping with the key reward, not {fields!r}")])
    if not isinstance(fields.get("reward"), str):
        raise RewardConfigError([("reward", f"write the name of a reward here; there are the keys {list(fields)}")])
    try:
        made = RewardRegistry.get(fields["reward"])
    except UnknownRewardError as error:
        raise RewardConfigError([("reward", str(error))]) from None
    try:
        return made(**{str(key): value for key, value in fields.items() if key != "reward"})
    except ValidationError as error:
        raise RewardConfigError(list(_problems(made, error))) from None


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
