"""What verl's own config looks like: the keys it has, and what kind of value each takes."""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from rm_train.launch.checks.problem import ConfigError


def verl_folder() -> Path:
    """Return where verl is installed, without importing it: that takes seconds, and torch and Ray with it.

    Raises:
        ConfigError: verl is not installed.
    """
    spec = importlib.util.find_spec("verl")
    if spec is None or spec.origin is None:
        raise ConfigError("verl is not installed; install it with: pip install 'rm-train[train]'")
    return Path(spec.origin).parent


def verl_configs() -> Path:
    """Return the folder of verl's Hydra configs; raises as `verl_folder` does."""
    return verl_folder() / "trainer" / "config"


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


def class_fields(target: str) -> set[str]:
    """Return the fields of a dataclass of verl's, inherited ones too, read from its source.

    Args:
        target: What a config names as `_target_`, such as `verl.workers.config.FSDPEngineConfig`.
    """
    module, _, name = target.rpartition(".")
    place = verl_folder().parent.joinpath(*module.split("."))
    classes = _classes(place if place.is_dir() else place.with_suffix(".py"))
    fields: set[str] = set()
    names = [name]
    while names:
        node = classes.get(names.pop())
        if node is not None:
            fields |= {item.target.id for item in node.body if isinstance(item, ast.AnnAssign)
                       if isinstance(item.target, ast.Name)}  # fmt: skip
            names += [base.id for base in node.bases if isinstance(base, ast.Name)]
    return fields


@lru_cache
def _classes(place: Path) -> Mapping[str, ast.ClassDef]:
    """Return the classes that a source file, or the files of a package, define."""
    files = sorted(place.glob("*.py")) if place.is_dir() else [place] if place.is_file() else []
    bodies = (ast.parse(file.read_text(encoding="utf-8")).body for file in files)
    return {node.name: node for body in bodies for node in body if isinstance(node, ast.ClassDef)}
