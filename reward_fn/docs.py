"""Writes `docs/rewards.md` from the rewards themselves: `python -m reward_fn.docs > docs/rewards.md`."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator, Mapping
from typing import get_args

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from reward_fn.base import BaseReward
from reward_fn.gallery import GALLERY
from reward_fn.registry import RewardRegistry, default_range, summary

_COSTS = {
    "cheap": "microseconds",
    "heavy": "milliseconds; batches go to worker processes",
    "process": "a worker process, with a time limit",
    "llm": "a request to an LLM",
    "model": "a model's forward pass",
    "parts": "that of its parts",
}
_START = """\
# The rewards

Written by `python -m reward_fn.docs`; a test compares. `RewardRegistry.get(NAME)(FIELD=VALUE, …)` makes one, and so
does a YAML file with `reward: NAME` and its fields (`reward_fn.load_reward`). Ranges are those of the defaults; "as
set" depends on fields that have none. `name`, the name in results, is a field of every reward.
Rewards that packages bring by entry points, such as the training reward of `rm_train`, are in `rm-train rewards`.
"""


def page() -> str:
    """Return the whole page."""
    rewards = [(name, RewardRegistry.get(name)) for name in sorted(GALLERY)]
    names = {reward: name for name, reward in rewards}
    sections = (line for name, reward in rewards for line in _section(name, reward, names))
    return "\n".join([_START, *_overview(rewards), *sections])


def _overview(rewards: list[tuple[str, type[BaseReward]]]) -> Iterator[str]:
    yield "| name | measures | range | formula | cost | source |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for name, reward in rewards:
        source = reward.source or "this package"
        cells = [summary(reward), default_range(reward), f"`{reward.formula}`", reward.cost, source]
        yield f"| [`{name}`](#{name}) | {' | '.join(map(_cell, cells))} |"
    yield ""


def _section(name: str, reward: type[BaseReward], names: Mapping[type[BaseReward], str]) -> Iterator[str]:
    yield f"## {name}\n"
    yield f"`{reward.__module__}.{reward.__name__}`, {reward.scoring_pattern}; cost: {_COSTS[reward.cost]}.\n"
    yield f"{inspect.getdoc(reward)}\n"
    fields = [(key, field) for key, field in reward.model_fields.items() if key != "name"]
    parents = (parent for parent in reward.__mro__[1:] if issubclass(parent, BaseReward))
    base = next((parent for parent in parents if parent in names), None)
    if base:
        known = base.model_fields
        fields = [(key, field) for key, field in fields if key not in known or _default(field) != _default(known[key])]
        yield f"Its fields are those of [`{names[base]}`](#{names[base]}){', but for these:' if fields else '.'}\n"
    if fields:
        yield "| field | default | meaning |"
        yield "| --- | --- | --- |"
        for key, field in fields:
            yield f"| `{key}` | {_cell(_default(field))} | {_cell(field.description or '')} |"
        yield ""


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "needed"
    default = field.get_default(call_default_factory=True)
    choices = [value for value in get_args(field.annotation) if isinstance(value, str)]
    others = f" of {', '.join(f'`{value}`' for value in choices)}" if len(choices) > 1 else ""
    return f"`{default}`{others}" if default is not PydanticUndefined else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    sys.stdout.write(page())
