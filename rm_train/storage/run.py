"""A run in object storage: its checkpoints and all else of its folder, kept for a machine that has none of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

from rm_train.launch.run_folder import RunFolder
from rm_train.storage.checkpoints import Content, StoredCheckpoints, held, missing_shards
from rm_train.storage.errors import IncompleteError
from rm_train.storage.nodes import node_names, on_nodes
from rm_train.storage.store import Advance, Store, StoredFile

CHECKPOINTS = "checkpoints"
TRACES = ("metrics", "tensorboard")
"""Folders that verl's own process writes, on whichever node it runs."""
NEEDED = ("data", "metrics")
"""Folders that it reads there."""
REPLACED = ("model", "evaluation", "data")
"""Folders that are replaced as a whole: a file that is gone from one must not come back from the storage."""
_LOCAL = {".lock", "stop"}
_RECORD = "run.json"
_ALWAYS_BYTES = 1 << 20
"""Smaller files are stored anew each time: the clocks of two machines need not be compared for them."""


class StoredRun:
    """One run in object storage.

    Args:
        uri: Where: `storage`, and the name of the run folder.
    """

    def __init__(self, uri: str) -> None:
        self._store = Store(uri)
        self.checkpoints = StoredCheckpoints(self._store)

    def has_begun(self) -> bool:
        """Say whether a run is stored there; raises `StorageError`."""
        return self._store.file(_RECORD) is not None

    def push(self, folder: Path) -> None:
        """Store all of a run folder but its checkpoints; what says how far the run is comes last.

        Raises:
            StorageError: It could not be stored.
        """
        stored, here = self._stored(), _small_files(folder)
        for name in stored:
            if name not in here and name.partition("/")[0] in REPLACED:
                self._store.remove(name)
        changed = {name: folder / name for name in here if _differs(folder / name, stored.get(name))}
        last = {name: path for name, path in changed.items() if name == _RECORD}
        self._store.put_all({name: path for name, path in changed.items() if name not in last})
        self._store.put_all(last)

    def pull(self, folder: Path, only: Collection[str] = (), advance: Advance = lambda count: None) -> None:
        """Fetch a run folder but its checkpoints: files that are not here, or not as they are stored.

        Args:
            folder: Where to.
            only: Folders in it that are wanted; all of it when empty.
            advance: Called with the bytes that have come.

        Raises:
            StorageError: It could not be fetched.
            OSError: The folder cannot be written.
        """
        wanted = {
            name: None
            for name, stored in self._stored().items()
            if (not only or name.partition("/")[0] in only) and _differs(folder / name, stored)
        }
        self._store.get_all(wanted, folder, advance)

    def push_traces(self, folder: Path) -> None:
        """Store what verl's process has written here, where it is more than is stored; raises `StorageError`."""
        stored = self._stored()
        written = [name for name in _small_files(folder) if name.partition("/")[0] in TRACES]
        sizes = {name: (folder / name).stat().st_size for name in written}
        self._store.put_all(
            {name: folder / name for name in written if name not in stored or stored[name].size < sizes[name]}
        )

    def pull_traces(self, folder: Path) -> None:
        """Fetch what verl's process has written on another node; raises as `pull` does."""
        more = {
            name: None
            for name, stored in self._stored().items()
            if name.partition("/")[0] in TRACES and stored.size > _size(folder / name)
        }
        self._store.get_all(more, folder)

    def clear(self) -> None:
        """Remove the run from the storage, its checkpoints first; raises `StorageError`."""
        for step in self.checkpoints.steps():
            self.checkpoints.remove(step)
        self._store.clear()

    def _stored(self) -> dict[str, StoredFile]:
        return {name: file for name, file in self._store.files().items() if not name.startswith(f"{CHECKPOINTS}/")}


def store_checkpoint(uri: str, folder: Path, step: int) -> int:
    """Store the checkpoint of a step from all nodes of the cluster, and mark it as whole; return its bytes.

    Each file goes from one node, the first that has it: on disks that nodes share, all have it.

    Args:
        uri: Where the run is stored.
        folder: The run folder, at the same path on each node.
        step: The step.

    Raises:
        IncompleteError: No node has some part of it.
        StorageError: It could not be stored.
    """
    checkpoint = RunFolder(folder).checkpoint(step)
    nodes = node_names()
    found = on_nodes(held, dict.fromkeys(nodes, (checkpoint,)))
    names = {name for files in found.values() for name in files}
    if missing := missing_shards(names):
        raise IncompleteError(f"checkpoint {step} is not whole: no node has {', '.join(missing[:4])}")
    holders = {name: next(node for node in nodes if name in found[node]) for name in sorted(names)}
    shares = {node: [name for name in holders if holders[name] == node] for node in nodes}
    # The marker of an earlier attempt at the step would vouch for files that change now.
    checkpoints = StoredRun(uri).checkpoints
    checkpoints.unmark(step)
    parts = on_nodes(_put, {node: (uri, checkpoint, step, share) for node, share in shares.items() if share})
    files = {name: content for part in parts.values() for name, content in part.items()}
    checkpoints.mark(step, files)
    return sum(content.size for content in files.values())


def spread(uri: str, folder: Path, step: int) -> None:
    """Give every node what a training that goes on from a step reads, and let it go on from that step.

    Args:
        uri: Where the run is stored.
        folder: The run folder, at the same path on each node.
        step: The step of a stored checkpoint; 0 to begin.

    Raises:
        StorageError: A node could not fetch it.
    """
    others = list(node_names())[1:]
    on_nodes(_take, dict.fromkeys(others, (uri, folder, step)))


def gather(uri: str, folder: Path) -> None:
    """Bring what verl's process has written on any node to this one; raises `StorageError`."""
    others = list(node_names())[1:]
    on_nodes(_give_traces, dict.fromkeys(others, (uri, folder)))
    if others:
        StoredRun(uri).pull_traces(folder)


def _put(uri: str, checkpoint: Path, step: int, names: Collection[str]) -> dict[str, Content]:
    return StoredRun(uri).checkpoints.put(step, checkpoint, names)


def _take(uri: str, folder: Path, step: int) -> None:
    run, here = StoredRun(uri), RunFolder(folder)
    run.pull(folder, NEEDED)
    if step:
        run.checkpoints.fetch(step, here.checkpoint(step))
    here.go_on_from(step)


def _give_traces(uri: str, folder: Path) -> None:
    StoredRun(uri).push_traces(folder)


def _small_files(folder: Path) -> list[str]:
    """Return the files of a run folder that are to be stored, but for checkpoints; what is being written is hidden."""
    return sorted(_walk(folder, folder))


def _walk(folder: Path, root: Path) -> Iterable[str]:
    for path in folder.iterdir() if folder.is_dir() else ():
        name = path.relative_to(root).as_posix()
        if path.name.startswith(".") or name in _LOCAL or name == CHECKPOINTS:
            continue
        if path.is_dir():
            yield from _walk(path, root)
        elif path.is_file():
            yield name


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else -1


def _differs(path: Path, stored: StoredFile | None) -> bool:
    """Say whether a file may hold something else than what is stored under its name."""
    if stored is None or not path.is_file():
        return True
    status = path.stat()
    if status.st_size != stored.size:
        return True
    if status.st_mtime_ns == stored.mtime_ns:  # it was fetched
        return False
    return stored.size < _ALWAYS_BYTES or status.st_mtime_ns > stored.mtime_ns
