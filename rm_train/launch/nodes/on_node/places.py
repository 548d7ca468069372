"""Folders that a run writes to: whether a node can, and whether others see what it wrote."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypedDict

_PATIENCE_S = 5.0
"""Network file systems show a new file to other nodes after some seconds at worst, when it is asked for by its name."""


class Place(TypedDict):
    """A folder as a node sees it: why it cannot be written, if so, and the free bytes of its disk."""

    error: str | None
    free: int


def mark(places: Mapping[str, str], name: str, *, shared: bool) -> dict[str, Place]:
    """Leave a small file in each folder.

    Args:
        places: Folders by the keys of the config that name them.
        name: The name of the file.
        shared: Whether each folder must be there already, since all nodes are to share it; else it is enough that it
            could be made.
    """
    return {key: _marked(Path(path), name, shared=shared) for key, path in places.items()}


def _marked(path: Path, name: str, *, shared: bool) -> Place:
    there = existing(path)
    free = shutil.disk_usage(there).free
    if shared and there != path:
        return {"error": f"there is no folder {path}", "free": free}
    try:
        (there / name).write_text(name)
        if not shared:
            (there / name).unlink()
    except OSError as error:
        return {"error": f"{there} cannot be written ({error.strerror})", "free": free}
    return {"error": None, "free": free}


def unseen(places: Mapping[str, str], names: Sequence[str]) -> dict[str, list[str]]:
    """Return which of these files are not seen in each folder; a little while is waited for them."""
    until = time.monotonic() + _PATIENCE_S
    while True:
        missing = {key: [name for name in names if not (Path(path) / name).exists()] for key, path in places.items()}
        if not any(missing.values()) or time.monotonic() > until:
            return missing
        time.sleep(0.2)


def remove(places: Mapping[str, str], name: str) -> None:
    """Take the file away again, where it could be left."""
    for path in places.values():
        with suppress(OSError):  # where none could be left
            (Path(path) / name).unlink()


def existing(path: Path) -> Path:
    """Return a folder, or what of its path exists."""
    return next(part for part in (path.absolute(), *path.absolute().parents) if part.is_dir())
