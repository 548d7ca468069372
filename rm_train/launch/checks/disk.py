"""Folders that can be written, with room for the checkpoints of the run."""

from __future__ import annotations

import math
import shutil
import tempfile
from pathlib import Path

from omegaconf import DictConfig

from rm_train.launch.checks.model_files import ModelFiles, model_folder
from rm_train.launch.checks.problem import Problem
from rm_train.launch.checks.verl_rules import uses_critic
from rm_train.models import BUILT

_BYTES = {"model": 4, "optimizer": 8}
"""What a checkpoint keeps of each parameter: its value and Adam's two moments, in float32."""

_MERGED_BYTES = 2
"""The trained judge is written once more at the end, in bfloat16."""


def disk_problems(config: DictConfig) -> list[Problem]:
    """Find folders that cannot be written, and too little room for the checkpoints."""
    run, checkpoints = Path(config.run_dir), Path(config.trainer.default_local_dir)
    folders = {"run_dir": run}
    if run not in checkpoints.parents:
        folders["trainer.default_local_dir"] = checkpoints
    if config.base_model in BUILT and not Path(config.base_model_path).exists():
        folders["cache_dir"] = Path(config.cache_dir)
    closed = [problem for key, folder in folders.items() for problem in _closed(key, folder)]
    return closed or _full(config)


def checkpoint_bytes(config: DictConfig, parameters: int) -> int:
    """Return the room that the checkpoints of a run take at most, and the trained judge.

    Args:
        config: The run's config, without LoRA.
        parameters: How many parameters the model has; a critic has about as many.
    """
    models = [config.actor_rollout_ref.actor] + ([config.critic] if uses_critic(config) else [])
    each = sum(size for model in models for part, size in _BYTES.items() if part in model.checkpoint.save_contents)
    return parameters * (most_checkpoints(config) * each + _MERGED_BYTES)


def most_checkpoints(config: DictConfig) -> int:
    """Return how many checkpoints a run has at most: one more than is kept, written before an old one goes."""
    trainer = config.trainer
    saves = math.ceil(config.steps / trainer.save_freq) if trainer.save_freq > 0 else 1
    return saves if config.keep_checkpoints is None else min(saves, config.keep_checkpoints + config.keep_best + 1)


def missing_bytes(config: DictConfig) -> int | None:
    """Return the room that a run's checkpoints still take, beside those that are there.

    None where it is not known: before the model is downloaded, or for the small part of it that LoRA trains.
    """
    parameters = _parameters(config)
    if parameters is None:
        return None
    # An interrupted run has written some of it already.
    checkpoints = Path(config.trainer.default_local_dir)
    written = sum(path.stat().st_size for path in checkpoints.glob("global_step_*/**/*") if path.is_file())
    return checkpoint_bytes(config, parameters) - written


def _parameters(config: DictConfig) -> int | None:
    model = config.actor_rollout_ref.model
    folder = None if model.lora_rank else model_folder(str(model.path))
    return ModelFiles(folder).parameters if folder else None


def _full(config: DictConfig) -> list[Problem]:
    parameters, missing = _parameters(config), missing_bytes(config)
    free = shutil.disk_usage(_existing(Path(config.trainer.default_local_dir))).free
    if parameters is None or missing is None or missing <= free:
        return []
    return [Problem(
        "trainer.default_local_dir", f"checkpoints of {parameters / 1e6:,.0f} million parameters take "
        f"{_shown(checkpoint_bytes(config, parameters))}, and {_shown(free)} are free there",
        "make room, keep fewer (keep_checkpoints, keep_best), or write runs_dir=… on a larger disk")]  # fmt: skip


def _shown(size: float) -> str:
    return f"{size / 2**30:,.1f} GiB" if size >= 2**30 else f"{size / 2**20:,.0f} MiB"


def _closed(key: str, folder: Path) -> list[Problem]:
    """Try to write: permissions do not tell of read-only disks, quotas or full ones."""
    there = _existing(folder)
    try:
        with tempfile.TemporaryFile(dir=there):
            return []
    except OSError as error:
        return [Problem(key, f"{folder} cannot be written ({there}: {error.strerror})",
                        "write a folder of yours, such as runs_dir=… or cache_dir=…")]  # fmt: skip


def _existing(folder: Path) -> Path:
    """Return the folder, or what of its path exists."""
    return next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
