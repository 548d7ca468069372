"""The reward of a config: one of the gallery, or found by its manager where it is looked for."""

from __future__ import annotations

from collections.abc import Iterator

from omegaconf import DictConfig

from reward_fn.adapters.verl.checks import check_config
from reward_fn.adapters.verl.scorer import scorer_of
from reward_fn.adapters.verl.settings import MANAGER, OURS
from reward_fn.base import BaseReward
from reward_fn.loading import RewardConfigError
from rm_train.data.converters import CONVERTERS, PAIR_CONVERTERS
from rm_train.launch.checks.problem import Problem
from rm_train.tasks.pairwise import BasePairReward
from rm_train.tasks.pointwise import PointwiseVerdictReward

_FUNCTION = "reward.custom_reward_function"
_KWARGS = f"{_FUNCTION}.reward_kwargs"


def reward_problems(config: DictConfig) -> list[Problem]:
    """Find what is wrong with a reward of the gallery, and with what verl would make of it."""
    function = config.reward.custom_reward_function
    if function.path != OURS:
        return list(_overlooked(config))
    try:
        settings = scorer_of(function.get("reward_kwargs") or {}).settings
    except RewardConfigError as error:
        return problems_of(error, _KWARGS)
    except FileNotFoundError as error:
        return [Problem(f"{_KWARGS}.reward_file", f"there is no file {error.filename}", "correct the path")]
    try:
        check_config(config, settings)
    except RewardConfigError as error:
        return problems_of(error)
    if "dataset" not in config:  # a config of somebody else's
        return []
    return [problem for reward in settings.rewards.values() for problem in _other_data(config.dataset, reward)]


def problems_of(error: RewardConfigError, section: str = "") -> list[Problem]:
    """Return the problems of an error as ours.

    Args:
        error: What was raised.
        section: Where its keys stand in the config, unless they stand in a file.
    """
    found = []
    for key, told in error.problems:
        what, _, fix = told.rpartition("; ")
        if error.where:
            place = f"{error.where}: {key}" if key else error.where
        else:
            # Where all of the section is meant, the key is its name.
            place = section if section.endswith(f".{key}") else ".".join(filter(None, (section, key)))
        found.append(Problem(place, what or fix, fix if what else "correct it"))
    return found


def _other_data(dataset: str, reward: BaseReward) -> Iterator[Problem]:
    """Find a judge that is paid for another kind of verdict than its data has."""
    if isinstance(reward, BasePairReward) and dataset not in PAIR_CONVERTERS:
        told, others, task = "compares two answers, and this data rates one", list(PAIR_CONVERTERS), "pointwise"
    elif isinstance(reward, PointwiseVerdictReward) and dataset in PAIR_CONVERTERS:
        told, others, task = "rates one answer, and this data compares two", list(CONVERTERS), "pairwise"
    else:
        return
    fix = f"choose one of {', '.join(others)}, or the task {task}"
    yield Problem("dataset", f"is {dataset}; {reward.name} {told}", fix)


def _overlooked(config: DictConfig) -> Iterator[Problem]:
    """Find a function beside a manager that calls none."""
    path = config.reward.custom_reward_function.path
    if path and config.reward.reward_manager.name == MANAGER:
        yield Problem(
            f"{_FUNCTION}.path",
            f"is {path}, and {MANAGER} scores by reward_kwargs without it",
            "write reward.reward_manager.source=register reward.reward_manager.name=naive too",
        )
