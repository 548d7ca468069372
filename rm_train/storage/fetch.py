"""What a run reads from object storage, kept on this machine's disk: fetched once, and again when it has changed."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from rm_train.storage.errors import StorageError
from rm_train.storage.store import Advance, Store, StoredFile
from rm_train.storage.uri import base_name


def default_cache_dir() -> Path:
    """Return the folder that configs keep such things in unless it is changed: RM_TRAIN_CACHE, or ~/.cache/rm-train."""
    return Path(os.environ.get("RM_TRAIN_CACHE") or Path.home() / ".cache" / "rm-train")


def cached_path(uri: str, cache_dir: str | os.PathLike[str]) -> Path:
    """Return where a file or folder of object storage is kept on this machine, whether it is there yet or not."""
    return _entry(uri, cache_dir) / base_name(uri)


def fetch(uri: str, cache_dir: str | os.PathLike[str], *, progress: bool = False) -> Path:
    """Fetch a file or a folder, unless it is here already with the sizes and times that it has in the storage.

    It appears in one step. What a fetch that broke off has got is kept, and not fetched again. Processes that want the
    same wait for one another.

    Args:
        uri: The address of a file or a folder.
        cache_dir: The folder in which such things are kept.
        progress: Show a bar on the console.

    Returns:
        Its path, that of `cached_path`.

    Raises:
        StorageError: It is not there, or cannot be fetched.
        OSError: The cache cannot be written.
    """
    target, store = cached_path(uri, cache_dir), Store(uri)
    single = store.file()
    wanted = {"": single} if single is not None else store.files()
    if not wanted:
        raise StorageError(f"{uri}: there is no such file, and no folder with files in it; correct the name")
    with _lock(_entry(uri, cache_dir)):
        if not _is_here(target, wanted):
            coming = target.with_name(f"{target.name}.coming")
            _forget_others(coming, wanted)
            missing = {name: None for name, stored in wanted.items() if not _same(coming / name, stored)}
            with fetch_bar(progress, base_name(uri), sum(wanted[name].size for name in missing)) as advance:
                store.get_all(missing, coming, advance)
            _replace(target, coming)
    return target


@contextmanager
def fetch_bar(shown: bool, name: str, size: int) -> Iterator[Advance]:
    """Yield a function to call with each number of bytes that have come; with `shown` false it does nothing."""
    if not shown:
        yield lambda count: None
        return
    columns = (TextColumn("fetching {task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, transient=True) as bar:
        task = bar.add_task(name, total=size)
        yield lambda count: bar.advance(task, count)


def _entry(uri: str, cache_dir: str | os.PathLike[str]) -> Path:
    return Path(cache_dir) / "storage" / hashlib.sha256(uri.rstrip("/").encode()).hexdigest()[:16]


def _is_here(target: Path, wanted: Mapping[str, StoredFile]) -> bool:
    return all(_same(target / name, stored) for name, stored in wanted.items()) and not _others(target, wanted)


def _same(path: Path, stored: StoredFile) -> bool:
    if not path.is_file():
        return False
    status = path.stat()
    return status.st_size == stored.size and status.st_mtime_ns == stored.mtime_ns


def _others(folder: Path, wanted: Mapping[str, StoredFile]) -> list[Path]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path for path in files if path.relative_to(folder).as_posix() not in wanted]


def _forget_others(folder: Path, wanted: Mapping[str, StoredFile]) -> None:
    """Remove what an earlier fetch has got of files that are no longer in the storage; parts of others may go on."""
    for path in _others(folder, wanted):
        if not path.name.endswith(".part"):
            path.unlink()


def _replace(target: Path, new: Path) -> None:
    for part in target.parent.rglob(".*.part"):  # of what the storage no longer has
        part.unlink()
    if target.is_dir():
        shutil.rmtree(target)
    new.replace(target)


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
