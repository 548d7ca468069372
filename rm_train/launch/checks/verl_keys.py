"""What verl's own config looks like: the keys it has, and what kind of value each takes."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from rm_train.launch.checks.problem import ConfigError


def verl_configs() -> Path:
    """Return the folder of verl's Hydra configs, without importing verl.

    Raises:
        ConfigError: verl is not installed.
    """
    spec = importlib.util.find_spec("verl")
    if spec is None or spec.origin is None:
        raise ConfigError("verl is not installed; install it with: pip install 'rm-train[train]'")
    return Path(spec.origin).parent / "trainer" / "config"


@lru_cache
def verl_defaults(model_engine: str) -> Mapping[str, Any]:
    """Return verl's own config for one of its engines, with interpolations as they are written.

    verl ships its composed configs as files; reading one takes a tenth of the time of composing it.
    """
    name = "ppo_trainer" if model_engine == "dp" else f"ppo_{model_engine}_trainer"
    content = OmegaConf.load(verl_configs() / f"_generated_{name}.yaml")
    defaults: dict[str, Any] = OmegaConf.to_container(content, resolve=False)  # type: ignore[assignment]
    return defaults


def dotted_keys(tree: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield the keys of a tree, sections included, such as `trainer` and `trainer.nnodes`."""
    for key, value in tree.items():
        yield f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from dotted_keys(value, f"{prefix}{key}.")
