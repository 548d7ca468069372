"""The model that is trained: there, whole, and able to be asked a question."""

from __future__ import annotations

import os
from pathlib import Path

from omegaconf import DictConfig

from rm_train.launch.checks.model_files import ModelFiles, model_folder
from rm_train.launch.checks.problem import Problem, warning

_KEY = "base_model_path"


def model_problems(config: DictConfig) -> list[Problem]:
    """Find what is missing of the base model."""
    model = config.actor_rollout_ref.model.path
    if not isinstance(model, str) or not model:
        return [Problem(_KEY, f"no model is named, but {model!r}", "write a model folder or a name on the hub")]
    if config.base_model == "tiny" and not Path(model).exists():
        return []  # it is built when the run starts
    folder = model_folder(model)
    if folder is None:
        return [_nowhere(model)]
    return _incomplete(model, ModelFiles(folder), config)


def _nowhere(model: str) -> Problem:
    path = Path(model)
    if model.startswith("~"):
        return Problem(_KEY, f"{model} is taken literally", f"write {_KEY}={path.expanduser()}")
    if path.exists():
        return Problem(_KEY, f"{path} is a file", f"name the model folder that holds it: {path.parent}")
    if path.is_absolute() or model.startswith(".") or model.count("/") > 1:
        return Problem(
            _KEY, f"there is no folder {path.absolute()}", "correct the path; a name on the hub is OWNER/NAME"
        )
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "TRUE", "YES", "ON"):
        return warning(_KEY, f"{model} is neither a folder nor in the hub's cache, and HF_HUB_OFFLINE is set",
                       "unset it, or give a model folder")  # fmt: skip
    return warning(_KEY, f"{model} is neither a folder nor in the hub's cache, so it will be downloaded",
                   "without a network, give a model folder")  # fmt: skip


def _incomplete(model: str, files: ModelFiles, config: DictConfig) -> list[Problem]:
    settings = config.actor_rollout_ref.model
    # What the hub's cache lacks is downloaded; what a folder lacks is missing.
    fix = "download the whole model folder again" if Path(model).is_dir() else "download the model again"
    if not files.config:
        return [Problem(_KEY, f"{files.folder} has no readable config.json, so it is not a model folder", fix)]
    problems = []
    if Path(model).is_dir() and not files.has_weights:
        problems.append(Problem(_KEY, f"{files.folder} has no weights (*.safetensors or *.bin)", fix))
    tokenizer = files
    if settings.tokenizer_path is not None:
        other = model_folder(settings.tokenizer_path)
        if other is None:
            return problems
        tokenizer = ModelFiles(other)
    if not tokenizer.has_tokenizer:
        found = f"{tokenizer.folder} has no tokenizer (tokenizer.json or tokenizer.model)"
        problems.append(
            Problem(_KEY, found, "save the tokenizer there too, or set actor_rollout_ref.model.tokenizer_path")
        )
    elif not tokenizer.has_chat_template and settings.custom_chat_template is None:
        found = f"the tokenizer in {tokenizer.folder} has no chat template, so it is not known how to ask the model"
        problems.append(Problem(_KEY, found, "take the chat version of the model, or set "
                                "actor_rollout_ref.model.custom_chat_template"))  # fmt: skip
    return problems
