"""A run's checkpoints in object storage: each is whole once its marker is there, which is written last.

checkpoints/global_step_20/...   the files of every node
checkpoints/global_step_20.json  the marker: the name, size and SHA-256 of each of them
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import NamedTuple

from rm_train.storage.errors import StorageError
from rm_train.storage.store import Advance, Store

_MARKER = re.compile(r"global_step_(\d+)\.json")
_SHARD = re.compile(r"(.*_world_size_)(\d+)_rank_(\d+)\.pt")
LAST_FILE = "data.pt"
"""verl writes the state of the data loader when all else is saved, so a folder with it is whole."""


class Content(NamedTuple):
    """What a file of a checkpoint holds: its size in bytes, and its SHA-256."""

    size: int
    sha256: str


def missing_shards(names: Collection[str]) -> list[str]:
    """Return what a checkpoint lacks of verl's files.

    Each rank saves its shards on its own node, under names that tell the rank and the number of ranks.
    """
    found: dict[tuple[str, int], set[int]] = {}
    for name in names:
        if match := _SHARD.fullmatch(name):
            found.setdefault((match[1], int(match[2])), set()).add(int(match[3]))
    shards = [
        f"{stem}{world}_rank_{rank}.pt"
        for (stem, world), ranks in found.items()
        for rank in range(world)
        if rank not in ranks
    ]
    return shards + ([] if LAST_FILE in names else [LAST_FILE])


class StoredCheckpoints:
    """The checkpoints of one run.

    Args:
        run: Where the run is stored.
    """

    def __init__(self, run: Store) -> None:
        self._store = run.inside("checkpoints")

    def steps(self) -> list[int]:
        """Return the steps whose checkpoints are whole, in order; raises `StorageError`."""
        names = self._store.files(below=False)
        return sorted(int(match[1]) for name in names if (match := _MARKER.fullmatch(name)))

    def put(self, step: int, folder: Path, names: Collection[str]) -> dict[str, Content]:
        """Store some files of a checkpoint, without marking it as whole; raises as `Store.put` does."""
        digests = self._store.inside(_folder(step)).put_all({name: folder / name for name in names})
        return {name: Content((folder / name).stat().st_size, digest) for name, digest in digests.items()}

    def mark(self, step: int, files: Mapping[str, Content]) -> None:
        """Say that a checkpoint is whole.

        Raises:
            StorageError: It is not, or the marker cannot be written.
        """
        if missing := missing_shards(files):
            raise StorageError(f"checkpoint {step} is not whole: no node has {', '.join(missing[:4])}")
        self._store.write(f"{_folder(step)}.json", json.dumps({"step": step, "files": dict(sorted(files.items()))}))

    def files(self, step: int) -> dict[str, Content]:
        """Return what a whole checkpoint consists of.

        Raises:
            StorageError: There is none of that step, or its marker is damaged.
        """
        name = f"{_folder(step)}.json"
        try:
            listed = json.loads(self._store.read(name))["files"]
            return {file: Content(*content) for file, content in listed.items()}
        except (ValueError, KeyError, TypeError) as error:
            raise StorageError(
                f"{self._store.uri}/{name}: it is damaged; remove it, and an earlier one is taken"
            ) from error

    def fetch(self, step: int, folder: Path, advance: Advance = lambda count: None) -> None:
        """Fetch what a folder lacks of a whole checkpoint; the file that makes it whole comes last.

        Raises:
            StorageError: It is not whole in the storage, or cannot be fetched.
            OSError: The folder cannot be written.
        """
        files = self.files(step)
        here = held(folder)
        missing = {name: content.sha256 for name, content in files.items() if here.get(name) != content.size}
        last = {LAST_FILE: missing.pop(LAST_FILE)} if LAST_FILE in missing else {}
        store = self._store.inside(_folder(step))
        store.get_all(missing, folder, advance)
        store.get_all(last, folder, advance)

    def remove(self, step: int) -> None:
        """Remove a checkpoint: first its marker, so that what is left of it is never taken for whole."""
        self.unmark(step)
        self._store.clear(_folder(step))

    def unmark(self, step: int) -> None:
        """Say that a checkpoint is not whole; raises `StorageError`."""
        self._store.remove(f"{_folder(step)}.json")

    def remove_unmarked(self, before: int) -> None:
        """Remove what uploads that broke off have left of earlier checkpoints."""
        names = self._store.files()
        whole = {int(match[1]) for name in names if (match := _MARKER.fullmatch(name))}
        begun = {int(match[1]) for name in names if (match := re.match(r"global_step_(\d+)/", name))}
        for step in begun - whole:
            if step < before:
                self._store.clear(_folder(step))


def held(folder: Path) -> dict[str, int]:
    """Return the files that a folder holds here, by their names from there, with their sizes."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.name.endswith(".part"))
    return {path.relative_to(folder).as_posix(): path.stat().st_size for path in files}


def _folder(step: int) -> str:
    return f"global_step_{step}"
