"""What a model folder says about its model, read from its small files: no weights, and no torch."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

_BYTES = {"float32": 4, "float16": 2, "bfloat16": 2}
_PICKLED = ("*.bin", "*.pt")


def model_folder(model: str) -> Path | None:
    """Return the folder of a model: what was given, or where the hub's cache keeps it; None when it is nowhere here."""
    path = Path(model)
    if path.is_dir():
        return path
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        config = try_to_load_from_cache(model, "config.json")
    except HFValidationError:
        return None
    return Path(config).parent if isinstance(config, str) else None


@dataclass(frozen=True)
class ModelFiles:
    """The files of a Hugging Face model folder."""

    folder: Path

    @cached_property
    def config(self) -> Mapping[str, Any]:
        """`config.json`, or its part on the language model; empty when it is missing or not JSON."""
        whole = _json(self.folder / "config.json")
        text: Mapping[str, Any] = whole.get("text_config") or whole
        return text

    def number(self, key: str) -> int | None:
        """Return a positive whole number of the config; None when it is not one."""
        value = self.config.get(key)
        return value if type(value) is int and value > 0 else None

    @property
    def context(self) -> int | None:
        """How many tokens the model's positions reach, stretched as far as its rope settings may; None if unknown."""
        positions = self.number("max_position_embeddings")
        rope = self.config.get("rope_parameters") or self.config.get("rope_scaling") or {}
        factor = rope.get("factor", 1.0)
        return positions and int(positions * max(1.0, float(factor)))

    @property
    def parameters(self) -> int | None:
        """How many parameters the weight files hold; None when there are none, or in a format not known here."""
        if files := sorted(self.folder.glob("*.safetensors")):
            return sum(map(_tensor_elements, files))
        size = sum(path.stat().st_size for pattern in _PICKLED for path in self.folder.glob(pattern))
        each = _BYTES.get(str(self.config.get("dtype") or self.config.get("torch_dtype")))
        return size // each if size and each else None

    @property
    def has_weights(self) -> bool:
        """Whether there are weight files."""
        return any(True for pattern in ("*.safetensors", *_PICKLED) for _ in self.folder.glob(pattern))

    @property
    def has_tokenizer(self) -> bool:
        """Whether there is a tokenizer in any of its formats."""
        names = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "spiece.model", "tekken.json")
        return any((self.folder / name).is_file() for name in names)

    @property
    def has_chat_template(self) -> bool:
        """Whether the tokenizer knows how to ask the model a question."""
        if (self.folder / "chat_template.jinja").is_file() or (self.folder / "chat_template.json").is_file():
            return True
        return bool(_json(self.folder / "tokenizer_config.json").get("chat_template"))


def _json(path: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _tensor_elements(path: Path) -> int:
    """Count the numbers in a safetensors file from its header: 8 bytes of length, then JSON."""
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
    return sum(math.prod(entry["shape"]) for name, entry in header.items() if name != "__metadata__")
