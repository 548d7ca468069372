"""Files of a run as a node sees them: their size, and a digest that shows whether they are the same."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

_MIB = 2**20
_WHOLE = 64 * _MIB
"""Files up to this size are read whole; of larger ones, which are weights as a rule, the first and last MiB."""
_READ = (".json", ".jinja", ".txt", ".model", ".py", ".safetensors", ".bin", ".pt", ".gguf")
"""What is read of a model folder, by the ends of the names."""


def seen_files(paths: Sequence[str]) -> dict[str, str]:
    """Return what is seen of each file: its size and digest, or why it cannot be read."""
    return {path: _seen(Path(path)) for path in paths}


def seen_folders(paths: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return what is seen of the files in each model folder, by their names; empty where there is no such folder."""
    return {path: {file.name: _seen(file) for file in _files(Path(path))} for path in paths}


def _files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.glob("*") if file.name.endswith(_READ)) if folder.is_dir() else []


def _seen(path: Path) -> str:
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            digest = hashlib.sha256(file.read(_WHOLE if size <= _WHOLE else _MIB))
            if size > _WHOLE:
                file.seek(size - _MIB)
                digest.update(file.read(_MIB))
    except OSError as error:
        return f"unreadable ({error.strerror})"
    return f"{size:,} bytes, {digest.hexdigest()[:12]}"
