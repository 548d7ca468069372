"""The model that is trained: there, whole, and able to be asked a question."""

from __future__ import annotations

import os
from pathlib import Path

from omegaconf import DictConfig

from rm_train.launch.checks.model_files import ModelFiles, model_folder
from rm_train.launch.checks.problem import Problem, warning
from rm_train.launch.checks.verl_rules import uses_critic
from rm_train.models import BUILT

_KEY, _CRITIC_KEY = "base_model_path", "critic.model.path"


def model_problems(config: DictConfig) -> list[Problem]:
    """Find what is missing of the base model, and of the model that a critic starts from."""
    base = config.actor_rollout_ref.model
    problems = []
    comes = config.base_model in BUILT or config.base_model_source  # when the run starts
    if not comes or Path(base.path).exists():
        problems += _model(_KEY, base)
    if uses_critic(config) and config.critic.model.path != base.path:
        problems += _model(_CRITIC_KEY, config.critic.model)
    return problems


def _model(key: str, settings: DictConfig) -> list[Problem]:
    model = settings.path
    if not isinstance(model, str) or not model:
        return [Problem(key, f"is {model!r}", "write a model folder or a name on the hub")]
    folder = model_folder(model)
    return _incomplete(key, settings, ModelFiles(folder)) if folder else [_nowhere(key, model)]


def _nowhere(key: str, model: str) -> Problem:
    path = Path(model)
    if model.startswith("~"):
        return Problem(key, f"{model} is taken literally", f"write {key}={path.expanduser()}")
    if path.exists():
        return Problem(key, f"{path} is a file", f"name the model folder that holds it: {path.parent}")
    if path.is_absolute() or model.startswith(".") or model.count("/") > 1:
        return Problem(
            key, f"there is no folder {path.absolute()}", "correct the path; a name on the hub is OWNER/NAME"
        )
    what = f"{model} is neither a folder nor in the hub's cache"
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "TRUE", "YES", "ON"):
        return warning(key, f"{what}, and HF_HUB_OFFLINE is set", "unset it, or give a model folder")
    return warning(key, f"{what}, so it will be downloaded", "without a network, give a model folder")


def _incomplete(key: str, settings: DictConfig, files: ModelFiles) -> list[Problem]:
    # What the hub's cache lacks is downloaded; what a folder lacks is missing.
    local = Path(settings.path).is_dir()
    fix = "download the whole model folder again" if local else "download the model again"
    if not files.config:
        return [Problem(key, f"{files.folder} has no readable config.json, so it is not a model folder", fix)]
    problems = []
    if local and not files.has_weights:
        problems.append(Problem(key, f"{files.folder} has no weights (*.safetensors or *.bin)", fix))
    place = model_folder(settings.tokenizer_path or settings.path)
    if place is None:
        return problems  # a tokenizer on the hub
    tokenizer, section = ModelFiles(place), key.rpartition(".")[0] or "actor_rollout_ref.model"
    if not tokenizer.has_tokenizer:
        found = f"{place} has no tokenizer (tokenizer.json or tokenizer.model)"
        problems.append(Problem(key, found, f"save the tokenizer there too, or set {section}.tokenizer_path"))
    elif not tokenizer.has_chat_template and settings.custom_chat_template is None:
        found = f"the tokenizer in {place} has no chat template, so it is not known how to ask the model"
        fix = f"take the chat version of the model, or set {section}.custom_chat_template"
        problems.append(Problem(key, found, fix))
    return problems
