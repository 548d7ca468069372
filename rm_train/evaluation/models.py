"""Loading a judge for evaluation: from a model folder or the hub, with its dtype stated.

A figure in bfloat16 and one in float32 are two figures. So the dtype is never left to what a checkpoint happens to be
stored in: it is resolved here, once, and written beside the result.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils.logging import disable_progress_bar

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

DTYPES: Mapping[str, torch.dtype] = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def resolve_dtype(dtype: str, device: str) -> str:
    """Return the dtype's name; "auto" is "float32" on a CPU and "bfloat16" elsewhere.

    Raises:
        ValueError: The name is none of "auto", "float32", "bfloat16".
    """
    if dtype == "auto":
        return "float32" if device == "cpu" else "bfloat16"
    if dtype not in DTYPES:
        raise ValueError(f"unknown dtype {dtype!r}; choose one of auto, {', '.join(DTYPES)}")
    return dtype


def choose_device() -> str:
    """Return "cuda" where there is a GPU, else "cpu"."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def check_model(model: str) -> None:
    """Check that a model folder is one, before data is read; a name of the hub passes.

    Raises:
        FileNotFoundError: The path is no folder, or the folder has no `config.json`.
    """
    path = Path(model).expanduser()
    if path.is_dir():
        if not (path / "config.json").is_file():
            raise FileNotFoundError(f"{path} has no config.json, so it is not a model folder")
    elif path.exists() or path.is_absolute() or model.startswith(("./", "../", "~")):
        raise FileNotFoundError(f"there is no model folder {path}")


def load_judge(model: str, dtype: str, device: str) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Load a model and its tokenizer, ready to generate.

    Args:
        model: A model folder or a name on the hub.
        dtype: A key of `DTYPES`.
        device: As torch names it.

    Raises:
        FileNotFoundError: There is no such model.
    """
    check_model(model)
    local = Path(model).expanduser()
    name = str(local) if local.is_dir() else model
    if local.is_dir():
        disable_progress_bar()  # what is read from the disk is there at once
    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(name)
        loaded: Any = AutoModelForCausalLM.from_pretrained(name, dtype=DTYPES[dtype])
    except OSError as error:
        raise FileNotFoundError(f"cannot load {model!r} as a model folder or from the hub: {error}") from error
    return loaded.to(device).eval(), tokenizer
