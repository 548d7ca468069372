"""Keys of older verl versions that still parse and that its trainer ignores.

verl's `main_ppo` reads rewards from `reward.*` only; `migrate_legacy_reward_impl` (verl 0.9.1,
experimental/reward_loop/reward_loop.py), which moves the older keys there, is called by another program. So a config of
an older age trains on verl's default reward without a word.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from omegaconf import DictConfig, OmegaConf

_MOVED_SECTIONS = {
    "custom_reward_function": "reward.custom_reward_function",
    "reward_model": "reward.reward_model",
    "sandbox_fusion": "reward.sandbox_fusion",
}
"""Where the keys of an old section are now, unless `_MOVED_KEYS` says otherwise."""

_MOVED_KEYS = {
    "reward_model.num_workers": "reward.num_workers",
    "reward_model.reward_manager": "reward.reward_manager.name",
    "reward_model.reward_loop_source": "reward.reward_manager.source",
    "reward_model.reward_loop_module_path": "reward.reward_manager.module.path",
    "reward_model.reward_loop_class_name": "reward.reward_manager.name",
    "reward_model.model.path": "reward.reward_model.model_path",
    "reward_model.reward_kwargs": "reward.reward_kwargs",
}
_GONE = ("reward_model.model.external_lib", "reward_model.model.trust_remote_code")


class DeadKey(NamedTuple):
    """A key that verl would not read, what is wrong with it, and what to write instead."""

    key: str
    what: str
    fix: str


def dead_keys(config: DictConfig) -> list[DeadKey]:
    """Find values that verl would not read; all these keys are null in verl's own config."""
    return [
        DeadKey(key, f"verl ignores this key, so {value!r} would have no effect", _fix(key))
        for section in _MOVED_SECTIONS
        for key, value in _values(section, OmegaConf.to_container(config).get(section))  # type: ignore[union-attr]
        if value is not None
    ]


def _fix(key: str) -> str:
    return "leave it out, nothing has taken its place" if key in _GONE else f"write {_new_key(key)}"


def _new_key(key: str) -> str:
    """Return where a key is now; what lies below a moved key has moved with it."""
    for old, new in _MOVED_KEYS.items():
        if key == old or key.startswith(f"{old}."):
            return new + key.removeprefix(old)
    section, _, rest = key.partition(".")
    return f"{_MOVED_SECTIONS[section]}.{rest}"


def _values(key: str, value: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - whatever a config holds
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _values(f"{key}.{name}", inner)
    else:
        yield key, value
