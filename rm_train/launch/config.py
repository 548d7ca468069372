"""A run's config: our Hydra files on top of verl's, composed exactly as stock verl composes them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

import rm_train
from rm_train.launch.checks.overrides import refused_overrides
from rm_train.launch.checks.problem import ConfigError, listing
from rm_train.launch.checks.verl_keys import verl_configs
from rm_train.nearest import did_you_mean, nearest
from rm_train.storage import cached_path, is_uri

_NOT_IN_THE_NAME = (
    *("runs_dir", "run_dir", "cache_dir", "storage", "on_bad_row", "preflight_rows", "keep_checkpoints", "keep_best"),
    *("ray_address", "ray_counts", "ray_kwargs"),
)
"""Keys that change where or how strictly a run works, but not what comes out."""


def configs_dir() -> Path:
    """Return the folder of the Hydra configs: inside an installed package, or at the top of a checkout."""
    package = Path(rm_train.__file__).parent
    installed = package / "configs"
    return installed if installed.is_dir() else package.parent / "configs"


def task_names() -> list[str]:
    """Return the tasks that can be trained: the configs at the top of the configs folder."""
    return sorted(path.stem for path in configs_dir().glob("*.yaml"))


def compose_config(task: str, overrides: Sequence[str]) -> DictConfig:
    """Compose a task's config and fill in its run folder.

    Args:
        task: One of `task_names()`.
        overrides: Hydra overrides, such as `recipe=linear` or `steps=20`.

    Returns:
        The config with `run_dir` set: what was given, or a folder in `runs_dir` that is a function of all else.

    Raises:
        ConfigError: verl is not installed, the task is unknown, or overrides do not fit.
    """
    if task not in task_names():
        near = nearest(task, task_names(), 1)
        hint = f" ({did_you_mean(near)})" if near else ""
        raise ConfigError(f"unknown task {task!r}; choose one of: {', '.join(task_names())}{hint}")
    try:
        config = _compose(task, overrides)
    except HydraException as error:
        problems = refused_overrides(overrides, error, _groups(), lambda right: _compose(task, right))
        raise ConfigError(listing(problems)) from error
    try:
        if OmegaConf.is_missing(config, "base_model_path"):
            raise ConfigError("base_model=hf needs a model: add base_model_path=FOLDER_OR_HUB_NAME")
        if OmegaConf.is_missing(config, "run_dir"):
            config.run_dir = str(Path(config.runs_dir).absolute() / _run_name(task, config))
        else:
            config.run_dir = str(Path(config.run_dir).absolute())
        if is_uri(config.base_model_path):
            config.base_model_source = config.base_model_path
            config.base_model_path = str(cached_path(config.base_model_source, config.cache_dir))
        OmegaConf.resolve(config)
    except OmegaConfBaseException as error:
        raise ConfigError(str(error)) from error
    return config


def reward_label(config: DictConfig) -> str:
    """Return what to call a run's reward: its recipe, or the reward itself where that has none."""
    kwargs = config.reward.custom_reward_function.get("reward_kwargs") or {}
    return str(kwargs.get("recipe") or kwargs.get("reward") or config.reward.custom_reward_function.name)


def _compose(task: str, overrides: Sequence[str]) -> DictConfig:
    with initialize_config_dir(version_base=None, config_dir=str(configs_dir().resolve())):
        return compose(task, overrides=[f"hydra.searchpath=[file://{verl_configs()}]", *overrides])


def _groups() -> dict[str, list[str]]:
    """Return our config groups, and the options of each."""
    folders = (path for path in configs_dir().iterdir() if path.is_dir())
    return {folder.name: sorted(path.stem for path in folder.glob("*.yaml")) for folder in folders}


def _run_name(task: str, config: DictConfig) -> str:
    """Return a readable name whose last part is a digest of everything that shapes the result."""
    whole = OmegaConf.to_container(OmegaConf.merge(config, dict.fromkeys(_NOT_IN_THE_NAME, "")), resolve=True)
    digest = hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()[:8]
    parts = (task, config.dataset, config.base_model, reward_label(config), f"seed{config.seed}", digest)
    return re.sub(r"[^\w.-]+", "_", "-".join(map(str, parts)))
