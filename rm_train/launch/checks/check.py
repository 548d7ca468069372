"""The two moments at which a run is checked: before anything starts, and when its data and model are there."""

from __future__ import annotations

from collections.abc import Sequence

from omegaconf import DictConfig

from reward_fn.adapters.verl.dead_keys import dead_keys
from rm_train.launch.checks.cluster import gpu_problems, ray_address, ray_problems
from rm_train.launch.checks.data_files import data_problems
from rm_train.launch.checks.disk import disk_problems
from rm_train.launch.checks.fit import fit_problems
from rm_train.launch.checks.kinds import wrong_kinds
from rm_train.launch.checks.lengths import length_problems, prompt_problems
from rm_train.launch.checks.model_folder import model_problems
from rm_train.launch.checks.own_keys import OWN_KEYS, own_keys
from rm_train.launch.checks.problem import Problem
from rm_train.launch.checks.reward import reward_problems
from rm_train.launch.checks.sizes import size_problems
from rm_train.launch.checks.storage import storage_problems
from rm_train.launch.checks.unknown_keys import unknown_keys
from rm_train.launch.checks.verl_rules import engine_problems, verl_rule_problems
from rm_train.launch.checks.versions import version_problems
from rm_train.launch.secrets import secret_problems


def check_config(overrides: Sequence[str], config: DictConfig, *, dry_run: bool) -> list[Problem]:
    """Find everything that is wrong with a run before it starts; nothing is created or downloaded for it.

    Args:
        overrides: What the config was composed with.
        config: The composed and resolved config.
        dry_run: Nothing will run here, so what this machine lacks of a GPU node's is a warning.

    Returns:
        Errors and warnings, all that were found.
    """
    problems = _key_problems(overrides, config)
    # The other checks reckon with the values.
    if wrong := _value_problems(config):
        return problems + wrong
    elsewhere = dry_run or config.trainer.nnodes > 1 or ray_address(config) is not None
    found = [
        *problems,
        *reward_problems(config),
        *version_problems(config, elsewhere=elsewhere),
        *storage_problems(config, reach=not dry_run),
        *data_problems(config),
        *model_problems(config),
        *size_problems(config),
        *verl_rule_problems(config),
        *length_problems(config),
        *gpu_problems(config, elsewhere=elsewhere),
        *fit_problems(config),
        *ray_problems(overrides, config),
        *disk_problems(config),
        *secret_problems(),
    ]
    # The reward's own checks know the dead keys too.
    return list(dict.fromkeys(found))


def check_elsewhere(overrides: Sequence[str], config: DictConfig) -> list[Problem]:
    """Find what is wrong with a run that takes place on other machines, without a look at this one's files or devices.

    Args:
        overrides: What the config was composed with.
        config: The composed and resolved config.
    """
    problems = _key_problems(overrides, config)
    if wrong := _value_problems(config):
        return problems + wrong
    return [*problems, *size_problems(config), *verl_rule_problems(config)]


def _key_problems(overrides: Sequence[str], config: DictConfig) -> list[Problem]:
    """Find keys that nobody reads."""
    return [*unknown_keys(overrides, config, list(OWN_KEYS)), *(Problem(*found) for found in dead_keys(config))]


def _value_problems(config: DictConfig) -> list[Problem]:
    """Find values that no check can reckon with."""
    return [*engine_problems(config), *own_keys(config), *wrong_kinds(config)]


def check_data(config: DictConfig) -> list[Problem]:
    """Find what only the prepared data and the model's tokenizer can tell: call it when both are there."""
    fetched = model_problems(config) if config.base_model_source else []
    return [*fetched, *length_problems(config), *prompt_problems(config)]
