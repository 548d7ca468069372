"""The check of a reward in somebody's own verl run: what verl would be told, without starting any of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from reward_fn.adapters.verl.dead_keys import dead_keys
from reward_fn.adapters.verl.preflight import lint_routes, preflight
from reward_fn.adapters.verl.scorer import Scorer, scorer_of
from reward_fn.adapters.verl.settings import MANAGER, OURS, Constant
from reward_fn.loading import RewardConfigError
from rm_train.launch.checks.overrides import refused_overrides
from rm_train.launch.checks.problem import ConfigError, Problem, listing, settle, warning
from rm_train.launch.checks.reward import problems_of, reward_problems
from rm_train.launch.checks.verl_keys import verl_configs

_FUNCTION = "reward.custom_reward_function"
_SEARCH = "hydra.searchpath"
_FIX = "correct the reward, or accept what a policy can be paid for; rm-train lint-reward lists every response"
_SAMPLER = "trainer.v1.sampler.custom_sampler"


def check_reward(overrides: Sequence[str], console: Console, *, config_dir: Path | None, config_name: str) -> None:
    """Check the reward of a verl run, print what it is, try it on rows of the training data, and lint it there.

    Args:
        overrides: Those of `python -m verl.trainer.main_ppo`.
        console: Where tables and warnings go.
        config_dir: A folder of configs beside verl's own.
        config_name: The config to start from, without its ending.

    Raises:
        ConfigError: The config cannot be composed, or its reward would not do what it says; each problem names its key
            and its fix.
    """
    config = compose_verl(overrides, config_dir, config_name)
    settle(_problems(config), console)
    scorer = scorer_of(config.reward.custom_reward_function.reward_kwargs)
    console.print(_rewards(scorer))
    console.print(_policies(config, scorer), soft_wrap=True, markup=False)
    try:
        preflight(config, scorer, console)
        for key, report in lint_routes(config, scorer, console):
            console.print(f"lint: {report.summary}", soft_wrap=True, markup=False)
            settle([warning(key, str(finding), _FIX) for finding in report.findings], console)
    except RewardConfigError as error:
        raise ConfigError(listing(problems_of(error))) from error


def compose_verl(overrides: Sequence[str], config_dir: Path | None, config_name: str) -> DictConfig:
    """Compose a config on verl's own, as its command line does.

    Raises:
        ConfigError: verl is not installed, there is no such config, or overrides do not fit.
    """
    stock = verl_configs()
    # Hydra looks for the first config in one folder only, and for those it names in all.
    folders = [folder.resolve() for folder in (config_dir, stock) if folder is not None]
    first = next((folder for folder in folders if (folder / f"{config_name}.yaml").is_file()), None)
    if first is None:
        raise ConfigError(f"there is no {config_name}.yaml in {' or in '.join(map(str, folders))}; correct the name")
    own = [f"file://{folder}" for folder in folders if folder != first]

    def composed(some: Sequence[str]) -> DictConfig:
        theirs, rest = _searched(some)
        with initialize_config_dir(version_base=None, config_dir=str(first)):
            return compose(config_name, overrides=[f"hydra.searchpath=[{','.join([*theirs, *own])}]", *rest])

    try:
        return composed(overrides)
    except OmegaConfBaseException as error:
        raise ConfigError(str(error)) from error
    except HydraException as refusal:
        try:
            problems = refused_overrides(overrides, refusal, {}, composed)
        except HydraException as error:
            # The config by itself is no better.
            raise ConfigError(str(error)) from error
        raise ConfigError(listing(problems)) from refusal


def _searched(overrides: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the folders that overrides add to Hydra's search path, and the other overrides."""
    given = [one for one in overrides if one.startswith(f"{_SEARCH}=")]
    found: list[str] = []
    for one in OverridesParser.create().parse_overrides(given):
        value = one.value()
        if not isinstance(value, list):
            raise ConfigError(f"{_SEARCH}: is {value!r}; write a list, such as [file://configs]")
        found += map(str, value)
    return found, [one for one in overrides if one not in given]


def _problems(config: DictConfig) -> list[Problem]:
    path = config.reward.custom_reward_function.path
    if path != OURS:
        fix = f"write {_FUNCTION}.path={OURS}"
        named = Problem(f"{_FUNCTION}.path", f"is {path}, so the reward is none of reward_fn's", fix)
        return [named, *(Problem(*found) for found in dead_keys(config))]
    found = reward_problems(config)
    if OmegaConf.select(config, f"{_SAMPLER}.path") is None:
        lost = "failed rewards stay in their groups, and the parts of rewards reach no logger"
        fix = f"write {_SAMPLER}.path={OURS} {_SAMPLER}.name=MetricsReplayBuffer"
        found.append(warning(f"{_SAMPLER}.path", f"is null: {lost}", fix))
    return found


def _rewards(scorer: Scorer) -> Table:
    table = Table(title="rewards")
    for heading in ("data_source", "reward", "scores", "range", "parts"):
        table.add_column(heading)
    for route, reward in scorer.settings.rewards.items():
        low, high = reward.score_range
        parts = ", ".join(reward.part_names)
        table.add_row(*map(escape, (route, reward.name, reward.scoring_pattern, f"{low:g} to {high:g}", parts)))
    return table


def _policies(config: DictConfig, scorer: Scorer) -> str:
    settings = scorer.settings
    manager = config.reward.reward_manager.name
    told = "" if manager == MANAGER else f" of verl's, so that a reward is told no conversation ({MANAGER} tells it)"
    limit = settings.failure_limit
    return "\n".join(
        [
            f"manager: {manager}{told}",
            f"on_failure: {_policy(settings.on_failure)}; at most {limit.rate:.0%} of {limit.window} may fail",
            f"on_truncated: {_policy(settings.on_truncated)}",
        ]
    )


def _policy(policy: str | Constant) -> str:
    return f"paid {policy.constant:g}" if isinstance(policy, Constant) else policy
