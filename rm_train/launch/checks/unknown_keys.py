"""Keys and values that a config file gives verl and that verl cannot know.

Hydra refuses an unknown key in an override, but takes any from a file: `total_step: 3` under `trainer:` would be
carried along and never read. So the composed config is compared with verl's own.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.utils import get_class
from omegaconf import DictConfig, OmegaConf

from rm_train.launch.checks.nearest import did_you_mean, nearest
from rm_train.launch.checks.problem import Problem, warning
from rm_train.launch.checks.verl_keys import dotted_keys, verl_defaults

_OPEN = (
    "actor_rollout_ref.model.override_config",
    "actor_rollout_ref.rollout.engine_kwargs",
    "critic.model.override_config",
    "ray_kwargs.ray_init",
    "reward.custom_reward_function.reward_kwargs",
    "reward.reward_kwargs",
    "trainer.v1.sampler.sampler_kwargs",
    # Checked on their own: nothing that stands there is read.
    "custom_reward_function",
    "reward_model",
    "sandbox_fusion",
)
"""Sections that take keys which verl's config does not list; so does every section that is empty there."""


def unknown_keys(overrides: Sequence[str], config: DictConfig, own_keys: Sequence[str]) -> list[Problem]:
    """Find keys that verl does not know, and values of a kind that it cannot mean.

    A key with a similar name in verl's config is an error; one without is a warning, since some code may read it.
    Keys that were added on purpose (`+key=value`) are let be.

    Args:
        overrides: What the config was composed with.
        config: The resolved config.
        own_keys: The names of our own keys at the top of the config.
    """
    engine = config.get("model_engine", "dp")
    defaults = verl_defaults(engine)
    content: dict[str, Any] = OmegaConf.to_container(config)  # type: ignore[assignment]
    return list(_Comparison(defaults, (*_OPEN, *_added(overrides))).top(content, own_keys))


def _added(overrides: Sequence[str]) -> list[str]:
    """Return the keys that overrides add, and the sections into which they put other files of verl's."""
    parsed = OverridesParser.create().parse_overrides(list(overrides))
    added = [override.key_or_group for override in parsed if override.is_add() or override.is_force_add()]
    return added + [override.package for override in parsed if override.package is not None]


class _Comparison:
    """verl's config beside a composed one."""

    def __init__(self, defaults: Mapping[str, Any], open_sections: Sequence[str]) -> None:
        self._defaults = defaults
        self._open = set(open_sections)
        self._known = list(dotted_keys(defaults))

    def top(self, content: Mapping[str, Any], own_keys: Sequence[str]) -> Iterator[Problem]:
        for name, value in content.items():
            if name in self._defaults:
                yield from self._value(name, self._defaults[name], value)
            elif name not in own_keys and name not in self._open:
                # A file may define names for its own use; only what looks like another is suspect.
                near = nearest(name, [*self._defaults, *own_keys])
                if near:
                    yield Problem(name, "neither verl nor rm-train has such a key", did_you_mean(near))

    def _value(self, key: str, default: Any, value: Any) -> Iterator[Problem]:  # noqa: ANN401 - config values
        if key in self._open:
            return
        if isinstance(default, Mapping):
            if isinstance(value, Mapping):
                yield from self._section(key, default, value)
            elif value is not None:
                inside = ", ".join(list(default)[:4])
                yield Problem(key, f"this is a section and not {value!r}", f"set the keys in it ({inside}, …)")
        elif value is not None and (kind := _wrong_kind(default, value)):
            yield Problem(key, f"must be {kind}, and is {value!r}", f"verl's own value is {default!r}")

    def _section(self, key: str, default: Mapping[str, Any], value: Mapping[str, Any]) -> Iterator[Problem]:
        for name, inner in value.items():
            path = f"{key}.{name}"
            if name in default:
                yield from self._value(path, default[name], inner)
            elif default and path not in self._open and name not in _fields(default):
                yield self._unknown(path, default)

    def _unknown(self, key: str, section: Mapping[str, Any]) -> Problem:
        parent, _, name = key.rpartition(".")
        near = [f"{parent}.{other}" for other in nearest(name, section)]
        near = near or [other for other in self._known if other.rpartition(".")[2] == name][:3]
        if near:
            return Problem(key, "verl has no such key", did_you_mean(near))
        return warning(key, "verl's config has no such key, nor one like it", "leave it out if nothing of yours reads it")


def _fields(section: Mapping[str, Any]) -> set[str]:
    """Return the fields of the class that verl makes of a section; some are missing from its config files."""
    target = section.get("_target_")
    if target is None:
        return set()
    return {field.name for field in dataclasses.fields(get_class(target))}


def _wrong_kind(default: Any, value: Any) -> str | None:  # noqa: ANN401 - config values
    """Return what a value must be, when it cannot stand in for verl's default; None when it may."""
    if isinstance(default, bool):
        return None if isinstance(value, bool | int) else "true or false"
    if isinstance(default, int | float):
        return None if isinstance(value, int | float) and not isinstance(value, bool) else "a number"
    return None
