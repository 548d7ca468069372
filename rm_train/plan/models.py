"""Which shape a config's model has: known ones by name, any other from the config.json of its folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from rm_train.launch.checks.model_files import ModelFiles, model_folder
from rm_train.launch.checks.problem import ConfigError
from rm_train.plan.shape import Shape

KNOWN: Mapping[str, Shape] = {
    "Qwen/Qwen3-0.6B": Shape(28, 1024, 16, 8, 128, 3072, 151936, tied=True, norms=True),
    "Qwen/Qwen3-1.7B": Shape(28, 2048, 16, 8, 128, 6144, 151936, tied=True, norms=True),
    "Qwen/Qwen3-4B": Shape(36, 2560, 32, 8, 128, 9728, 151936, tied=True, norms=True),
    "Qwen/Qwen3-8B": Shape(36, 4096, 32, 8, 128, 12288, 151936, norms=True),
    "Qwen/Qwen3-14B": Shape(40, 5120, 40, 8, 128, 17408, 151936, norms=True),
    "Qwen/Qwen3-32B": Shape(64, 5120, 64, 8, 128, 25600, 151936, norms=True),
    "Qwen/Qwen2.5-0.5B-Instruct": Shape(24, 896, 14, 2, 64, 4864, 151936, tied=True, biases=True),
    "Qwen/Qwen2.5-1.5B-Instruct": Shape(28, 1536, 12, 2, 128, 8960, 151936, tied=True, biases=True),
    "Qwen/Qwen2.5-3B-Instruct": Shape(36, 2048, 16, 2, 128, 11008, 151936, tied=True, biases=True),
    "Qwen/Qwen2.5-7B-Instruct": Shape(28, 3584, 28, 4, 128, 18944, 152064, biases=True),
    "Qwen/Qwen2.5-14B-Instruct": Shape(48, 5120, 40, 8, 128, 13824, 152064, biases=True),
    "Qwen/Qwen2.5-32B-Instruct": Shape(64, 5120, 40, 8, 128, 27648, 152064, biases=True),
    "Qwen/Qwen2.5-72B-Instruct": Shape(80, 8192, 64, 8, 128, 29568, 152064, biases=True),
    "meta-llama/Llama-3.1-8B-Instruct": Shape(32, 4096, 32, 8, 128, 14336, 128256),
    "meta-llama/Llama-3.1-70B-Instruct": Shape(80, 8192, 64, 8, 128, 28672, 128256),
}
"""Name on the hub -> shape, as the config.json there has it."""

_BUILT: Mapping[str, Shape] = {
    "tiny": Shape(4, 128, 4, 4, 32, 384, 1024, tied=True),
    "tiny_pairwise": Shape(4, 128, 4, 4, 32, 384, 1024, tied=True),
    "smollm2": Shape(30, 576, 9, 3, 64, 1536, 49152, tied=True),
}
"""base_model -> shape of the models that are made when a run needs them."""

_FAMILIES: Mapping[str, Mapping[str, bool]] = {
    "llama": {},
    "mistral": {},
    "qwen2": {"biases": True},
    "qwen3": {"norms": True},
}
"""model_type -> what its attention has beside the plain linear maps."""


def shape_of(config: DictConfig) -> Shape:
    """Return the shape of a config's base model.

    Raises:
        ConfigError: The model is not known and has no folder here, or its folder does not say what is needed.
    """
    name = str(config.base_model_path)
    folder = model_folder(name)
    if folder is not None:
        return folder_shape(folder)
    if shape := _BUILT.get(config.base_model) or KNOWN.get(name):
        return shape
    raise ConfigError(
        f"base_model_path: {name} is neither a folder, nor in the hub's cache, nor a model whose shape is known here; "
        f"give a folder with its config.json, or one of {', '.join(KNOWN)}"
    )


def folder_shape(folder: Path) -> Shape:
    """Return the shape that a folder's config.json describes.

    Raises:
        ConfigError: There is none, it is of a family whose weights are not known here, or it lacks a number.
    """
    files = ModelFiles(folder)
    config, place = files.config, f"base_model_path: {folder / 'config.json'}"
    if not config:
        raise ConfigError(f"{place} is missing or unreadable; download the whole model folder")
    family = str(config.get("model_type"))
    if family not in _FAMILIES:
        raise ConfigError(
            f"{place}: the weights of model_type {family!r} are not known here, only those of {', '.join(_FAMILIES)}; "
            "take such a model, or plan with a known one of about its size"
        )
    heads, hidden = _number(files, place, "num_attention_heads"), _number(files, place, "hidden_size")
    return Shape(
        layers=_number(files, place, "num_hidden_layers"),
        hidden=hidden,
        heads=heads,
        kv_heads=files.number("num_key_value_heads") or heads,
        head_dim=files.number("head_dim") or hidden // heads,
        intermediate=_number(files, place, "intermediate_size"),
        vocab=_number(files, place, "vocab_size"),
        tied=bool(config.get("tie_word_embeddings", False)),
        **_FAMILIES[family],
    )


def _number(files: ModelFiles, place: str, key: str) -> int:
    value: Any = files.number(key)
    if value is None:
        raise ConfigError(f"{place} has no whole number {key}; download the whole model folder")
    return int(value)
