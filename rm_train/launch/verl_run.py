"""The verl process of a run: the very command a person could paste, and the environment it needs."""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from rm_train.launch.config import configs_dir
from rm_train.launch.nodes.connect import has_token
from rm_train.launch.process import run_logged
from rm_train.launch.run_folder import RunFolder
from rm_train.models import BUILT

_JOB_CONFIG = "RAY_JOB_CONFIG_JSON_ENV_VAR"
"""The variable, called so, by which Ray's job API gives a driver its runtime environment."""

_ADAPTERS = "lora_train_meta.json"
"""What verl writes beside a policy that has adapters."""


def training_command(task: str, overrides: Sequence[str], config: DictConfig) -> list[str]:
    """Return stock verl's command line for a run."""
    settled = {"run_dir": config.run_dir}
    if config.base_model_source:
        settled["base_model_path"] = config.base_model_path  # where it is fetched to
    return [
        sys.executable,
        "-m",
        "verl.trainer.main_ppo",
        "--config-dir",
        str(configs_dir().resolve()),
        "--config-name",
        task,
        *(override for override in overrides if override.partition("=")[0] not in settled),
        *(f"{key}={_hydra_value(value)}" for key, value in settled.items()),
    ]


def _hydra_value(text: str) -> str:
    """Quote a value for Hydra's grammar, in which spaces, commas and the like mean something."""
    if re.fullmatch(r"[\w/.@:+-]+", text, re.ASCII):
        return text
    return "'" + re.sub(r"(\\*)'", r"\1\1\'", text) + "'"


def pasteable_command(task: str, overrides: Sequence[str], config: DictConfig) -> str:
    """Return the line for a shell that runs verl as `train` does, environment and all."""
    environment = training_environment(config, RunFolder(Path(config.run_dir)).next_metrics())
    settings = [f"{key}={value}" for key, value in environment.items()]
    return shlex.join(["env", *settings, *training_command(task, overrides, config)])


def training_environment(config: DictConfig, metrics: Path) -> dict[str, str]:
    """Return what a run adds to the environment; a value that the user has set is kept.

    Args:
        config: The run's config.
        metrics: The file for verl's `file` logger.
    """
    defaults = {
        "HYDRA_FULL_ERROR": "1",
        "PYTHONUNBUFFERED": "1",
        "RAY_USAGE_STATS_ENABLED": "0",
        "TOKENIZERS_PARALLELISM": "false",
    }
    if config.trainer.device == "cpu":
        # The workers of a node compute at the same time; Ray would give each of them one thread.
        defaults["OMP_NUM_THREADS"] = str(max(1, (os.cpu_count() or 1) // config.trainer.n_gpus_per_node))
        # Ray's spare processes lack the run's environment, so verl's actors cannot use them.
        defaults["RAY_enable_worker_prestart"] = "0"
    fixed = {"VERL_FILE_LOGGER_PATH": str(metrics), "TENSORBOARD_DIR": str(Path(config.run_dir) / "tensorboard")}
    if config.trainer.device == "cpu":
        fixed["VERL_PLATFORM"] = "cpu"
    if config.base_model in BUILT or config.base_model_source or Path(config.base_model_path).is_dir():
        # Nothing has to come from the hub, and asking it costs a minute where it cannot be reached.
        fixed |= {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
    environment = {key: os.environ.get(key, value) for key, value in defaults.items()} | fixed
    if config.ray_address != "local":
        environment[_JOB_CONFIG] = _job_config(config, environment)
        if has_token():
            # A driver that is given HOST:PORT shows none by itself.
            environment["RAY_AUTH_MODE"] = os.environ.get("RAY_AUTH_MODE", "token")
    return environment


def _job_config(config: DictConfig, environment: Mapping[str, str]) -> str:
    """Return the variables for Ray to set in the workers of a cluster that ran before: theirs is not our environment.

    Ray reads them where its job API puts them, and refuses a variable that the config sets too.
    """
    job = json.loads(os.environ.get(_JOB_CONFIG, "{}"))
    in_config = OmegaConf.select(config, "ray_kwargs.ray_init.runtime_env.env_vars") or {}
    ours = {key: value for key, value in environment.items() if key not in in_config}
    runtime_env = job.get("runtime_env", {})
    return json.dumps({**job, "runtime_env": {**runtime_env, "env_vars": runtime_env.get("env_vars", {}) | ours}})


def train(
    task: str,
    overrides: Sequence[str],
    config: DictConfig,
    metrics: Path,
    on_poll: Callable[[], None],
    on_stop: Callable[[], None],
) -> None:
    """Run verl until the run's last step; it resumes from the last checkpoint in the run folder.

    An interrupt lets verl finish and save the step that it works on; another one ends it at once.

    Args:
        task: The name of the config.
        overrides: What the config was composed with.
        config: The composed config.
        metrics: The file for verl's metrics.
        on_poll: Called a few times a second.
        on_stop: Called when verl has been asked to stop.

    Raises:
        ProcessFailedError: verl ended with an error.
        KeyboardInterrupt: Somebody has stopped the run.
    """
    folder = RunFolder(Path(config.run_dir))
    folder.mend_tracker()
    folder.stop_request.unlink(missing_ok=True)

    def ask_to_stop() -> bool:
        if not (metrics.exists() and metrics.stat().st_size):
            return False  # no step has begun
        folder.stop_request.touch()
        on_stop()
        return True

    command, environment = training_command(task, overrides, config), training_environment(config, metrics)
    try:
        joined = config.ray_address != "local"
        run_logged(command, environment, folder.log("train"), on_poll, ask_to_stop, shielded=joined)
        if folder.stop_request.exists():
            raise KeyboardInterrupt  # asked for by the file alone
    finally:
        folder.stop_request.unlink(missing_ok=True)


def merge_checkpoint(folder: RunFolder, step: int, base: str, target: Path) -> None:
    """Write a checkpoint's policy as a Hugging Face folder, with weights in bfloat16.

    Args:
        folder: The run's folder.
        step: The step of the checkpoint.
        base: The model that was trained; LoRA's adapters are added to it.
        target: Where the folder goes.

    Raises:
        ProcessFailedError: The checkpoint cannot be read.
    """
    actor = folder.actor(step)
    if (actor / _ADAPTERS).is_file():
        command = ["rm_train.launch.merge_adapters", str(actor), base, str(target)]
    else:
        command = ["verl.model_merger", "merge", "--backend", "fsdp"]
        command += ["--local_dir", str(actor), "--target_dir", str(target)]
    environment = {"HF_HUB_OFFLINE": "1", "VERL_PLATFORM": "cpu"}
    run_logged([sys.executable, "-m", *command], environment, folder.log("merge"))
