"""Values of a kind that a key of verl's cannot take: text where it has a number, a value where it has a section."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf

from rm_train.launch.checks.problem import Problem
from rm_train.launch.checks.verl_keys import verl_defaults

_COUNTS = (
    "data.train_batch_size",
    "data.max_prompt_length",
    "data.max_response_length",
    "actor_rollout_ref.actor.ppo_mini_batch_size",
    "actor_rollout_ref.rollout.n",
    "actor_rollout_ref.rollout.tensor_model_parallel_size",
    "trainer.n_gpus_per_node",
    "trainer.nnodes",
)
"""Keys of verl's that count something there must be one of; other checks reckon with them."""

_MISSING = object()


def wrong_kinds(config: DictConfig) -> list[Problem]:
    """Find values that cannot stand in for verl's own."""
    content: dict[str, Any] = OmegaConf.to_container(config)  # type: ignore[assignment]
    problems = list(_section("", verl_defaults(config.model_engine), content))
    named = {problem.key for problem in problems}
    for key in _COUNTS:
        value = OmegaConf.select(config, key)
        if key not in named and (type(value) is not int or value < 1):
            problems.append(Problem(key, f"is {value!r}", "write a whole number, 1 or more"))
    return problems


def _section(prefix: str, defaults: Mapping[str, Any], content: Mapping[str, Any]) -> Iterator[Problem]:
    for name, default in defaults.items():
        key, value = f"{prefix}{name}", content.get(name, _MISSING)
        if value is _MISSING or value is None:
            continue
        if isinstance(default, Mapping):
            if isinstance(value, Mapping):
                yield from _section(f"{key}.", default, value)
            else:
                inside = ", ".join(list(default)[:4])
                yield Problem(key, f"this is a section and not {value!r}", f"set the keys in it ({inside}, …)")
        elif kind := _wrong(default, value):
            yield Problem(key, f"is {value!r}", f"write {kind}, such as verl's own {default!r}")


def _wrong(default: object, value: object) -> str | None:
    """Return what a value must be, when it cannot stand in for a default; None when it may."""
    if isinstance(default, bool):
        return None if isinstance(value, bool | int) else "true or false"
    if isinstance(default, int | float):
        return None if isinstance(value, int | float) and not isinstance(value, bool) else "a number"
    return None
