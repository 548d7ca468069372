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

    One more checkpoint than is kept is counted: the new one is written before an old one goes.

    Args:
        config: The run's config.
        parameters: How many parameters the model has; a critic has about as many.
    """
    trainer = config.trainer
    saves = math.ceil(config.steps / trainer.save_freq) if trainer.save_freq > 0 else 1
    if config.keep_checkpoints is not None:
        saves = min(saves, config.keep_checkpoints + config.keep_best + 1)
    models = [config.actor_rollout_ref.actor] + ([config.critic] if uses_critic(config) else [])
    each = sum(size for model in models for part, size in _BYTES.items() if part in model.checkpoint.save_contents)
    return parameters * (saves * each + _MERGED_BYTES)


def _full(config: DictConfig) -> list[Problem]:
    model = config.actor_rollout_ref.model
    folder = model_folder(str(model.path))
    parameters = ModelFiles(folder).parameters if folder else None
    if parameters is None or model.lora_rank:
        return []  # not known before it is downloaded; or a small part of it
    checkpoints = Path(config.trainer.default_local_dir)
    needed = checkpoint_bytes(config, parameters)
    # An interrupted run has written some of it already.
    written = sum(path.stat().st_size for path in checkpoints.glob("global_step_*/**/*") if path.is_file())
    free = shutil.disk_usage(_existing(checkpoints)).free
    if needed - written <= free:
        return []
    return [Problem(
        "trainer.default_local_dir", f"checkpoints of {parameters / 1e6:,.0f} million parameters take "
        f"{_shown(needed)}, and {_shown(free)} are free there",
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
