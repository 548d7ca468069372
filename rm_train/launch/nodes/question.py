"""What a config makes us ask of every node."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf

from rm_train.launch.nodes.on_node.places import existing
from rm_train.launch.secrets import NAMES

if TYPE_CHECKING:
    from rm_train.launch.nodes.on_node.look import Question

OURS = ("reward_fn", "rm_train")
BASE = ("verl", "ray", "transformers", "tensordict", "TransferQueue", "numpy", "torch")
"""Packages that all of verl's processes use."""
FLASH_ATTN = "flash_attn"
_MODULE = "pkg://"


def question_of(config: DictConfig) -> Question:
    """Return the question for a run; files and model folders that this machine lacks itself are left out."""
    texts = list(_texts(OmegaConf.to_container(config, resolve=True)))
    places = {"run_dir": Path(config.run_dir), "trainer.default_local_dir": Path(config.trainer.default_local_dir)}
    if places["run_dir"] in places["trainer.default_local_dir"].parents:
        del places["trainer.default_local_dir"]
    on_gpus = config.trainer.device == "cuda"
    return {
        "packages": [*BASE, *(gpu_packages(config) if on_gpus else ())],
        "code": sorted({*OURS, *_packages(texts), *_packages(_external(config))}),
        "files": sorted({text for text in texts if _is_file(text)}),
        "folders": sorted({text for text in texts if text and _is_file(f"{text}/config.json")}),
        "places": {key: str(existing(path)) for key, path in places.items()},
        # Each node keeps its own part of a checkpoint until it is stored.
        "shared": not config.get("storage"),
        "secrets": [name.strip() for name in os.environ.get(NAMES, "").split(",") if name.strip()],
        "gpus": on_gpus,
    }


def gpu_packages(config: DictConfig) -> Sequence[str]:
    """Return the packages that only nodes with GPUs need."""
    attention = (config.actor_rollout_ref.model.get("override_config") or {}).get("attn_implementation")
    flash = [] if attention not in (None, "flash_attention_2") else [FLASH_ATTN]
    return (config.actor_rollout_ref.rollout.name, *flash)


def _texts(value: Any) -> Iterator[str]:  # noqa: ANN401 - whatever a config holds
    """Yield all texts of a config: what names a file is one of them, whichever key it has."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)


def _packages(texts: Sequence[str]) -> set[str]:
    """Return the outermost packages of the modules that texts name as verl's `pkg://`."""
    return {text.removeprefix(_MODULE).partition(".")[0] for text in texts if text.startswith(_MODULE)}


def _external(config: DictConfig) -> list[str]:
    """Return the module that verl imports in each worker, as a `pkg://` text."""
    module = config.actor_rollout_ref.model.get("external_lib")
    return [_MODULE + name for name in ([module] if isinstance(module, str) else module or [])]


def _is_file(text: str) -> bool:
    try:
        return "\n" not in text and Path(text).is_file()
    except (OSError, ValueError):
        return False  # too long for a name, or with a NUL
