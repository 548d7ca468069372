"""Presets composed, and what a plan makes of them."""

from copy import deepcopy
from functools import lru_cache

import yaml
from omegaconf import DictConfig, OmegaConf

from rm_train.launch.config import compose_config
from rm_train.plan.job import Job, Settings, job_of, settings_of
from rm_train.plan.models import shape_of


@lru_cache
def compose(model: str, machine: str, *overrides: str) -> DictConfig:
    choices = [f"base_model={model}", *f"hardware={machine}".split(), "dataset=helpsteer2"]
    return compose_config("pointwise", [*choices, *overrides])


def changed(config: DictConfig, changes: list[str]) -> DictConfig:
    """Return a config with other values of some keys, in less time than one is composed."""
    config = deepcopy(config)
    for key, value in (change.split("=") for change in changes):
        OmegaConf.update(config, key, yaml.safe_load(value))
    return config


def reckoned(config: DictConfig, gpu_gib: float = 79.0) -> tuple[Job, Settings]:
    return job_of(config, shape_of(config), gpu_gib), settings_of(config)
