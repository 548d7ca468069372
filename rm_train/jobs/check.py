"""What is wrong with a run that is to be a job, found before it is submitted and without a look at this machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from omegaconf import DictConfig
from rich.console import Console

from rm_train.data.sources.hub import is_hub_name
from rm_train.launch.checks import Problem, check_elsewhere, settle
from rm_train.launch.config import compose_config
from rm_train.launch.secrets import secret_overrides

_SHARED = "a file system that all nodes see"
_FILES = (".jsonl", ".json", ".gz", ".parquet", ".csv")


def check_request(task: str, overrides: Sequence[str], console: Console) -> DictConfig:
    """Compose and check the config of a job.

    Args:
        task: The name of the config.
        overrides: Hydra overrides as the user gave them.
        console: Where warnings go.

    Returns:
        The config, with `hardware=cpu` in place of `auto`, which is settled on the cluster.

    Raises:
        ConfigError: The job would fail; the message names each key and its fix.
    """
    settle(secret_overrides(overrides), console)  # first: other messages show values
    given = dict(override.split("=", 1) for override in overrides if "=" in override)
    settle(list(_ray_problems(given)), console)
    known = [override for override in overrides if override not in ("hardware=auto", "ray=existing")]
    config = compose_config(task, [*known, "ray=existing"])
    settle([*_path_problems(given, config), *check_elsewhere(known, config)], console)
    return config


def _ray_problems(given: dict[str, str]) -> Iterator[Problem]:
    for key, wanted in (("ray", "existing"), ("ray_address", "auto")):
        if given.get(key, wanted) != wanted:
            yield Problem(key, f"is {given[key]}, and a job joins the cluster it was submitted to", "leave it out")


def _path_problems(given: dict[str, str], config: DictConfig) -> Iterator[Problem]:
    """Find paths that mean another place on the cluster than here, or none."""
    key, folder = ("run_dir", given["run_dir"]) if "run_dir" in given else ("runs_dir", str(config.runs_dir))
    if not folder.startswith(("/", "${")) and "://" not in folder:
        yield Problem(key, f"is {folder}, a folder below wherever the job happens to start",
                      f"write runs_dir=/shared/runs, a folder on {_SHARED}")  # fmt: skip
    for key in ("dataset_path", "base_model_path"):
        path = config[key]
        if path and not Path(path).is_absolute() and "://" not in path and _means_a_place(path):
            yield Problem(key, f"is {path}, which is not the same place on the cluster",
                          f"write an absolute path, on {_SHARED}, or a name on the hub")  # fmt: skip
    if not Path(config.cache_dir).is_absolute():
        yield Problem("cache_dir", f"is {config.cache_dir}, which is not the same place on the cluster",
                      f"write an absolute path, on {_SHARED}")  # fmt: skip


def _means_a_place(path: str) -> bool:
    return Path(path).exists() or path.endswith(_FILES) or not is_hub_name(path)
