"""Files that are either whole or absent: runs are killed, and a half-written file must never pass for a result.

Everything is built under a unique temporary name beside its destination and renamed into place, so readers and
concurrent writers see the old content or the new one, and the last writer wins.
"""

from __future__ import annotations

import ctypes
import errno
import hashlib
import json
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_CHUNK = 1 << 20
_STALE_SECONDS = 24 * 3600.0
_AT_FDCWD = -100
_RENAME_EXCHANGE = 2


def sha256_file(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file's bytes as 64 hexadecimal digits, reading 1 MiB at a time.

    Raises:
        OSError: The file cannot be read.
    """
    digest = hashlib.sha256()
    with Path(path).open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def atomic_write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write text as UTF-8 in one step; missing parent folders are made.

    Raises:
        OSError: The file cannot be written; an earlier file at `path` is then untouched.
    """
    target = _prepared(path)
    temporary = _sibling(target)
    try:
        with temporary.open("w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def atomic_write_json(path: str | os.PathLike[str], value: object) -> None:
    """Write a value as indented JSON in one step, keys in the order given.

    Raises:
        OSError: The file cannot be written.
        TypeError: The value holds something JSON has no form for.
        ValueError: The value holds NaN or an infinity, which JSON readers refuse.
    """
    atomic_write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


@contextmanager
def atomic_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield an empty folder beside `path`; when the block ends well it takes the place of `path`, old content and all.

    When the block raises, the new folder is removed and `path` is as before. A killed process leaves `path` as before
    and a hidden `.NAME.tmp-…` beside it, which a later call removes once it is a day old. Where the file system cannot
    exchange two folders, a kill in the moment between two renames leaves the old folder under such a name.

    Raises:
        OSError: The folder cannot be made or renamed.
        NotADirectoryError: `path` is a file.
    """
    target = _prepared(path)
    if target.exists() and not target.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, "a folder is to be written here, but this is a file", str(target))
    _remove_stale(target)
    temporary = _sibling(target)
    temporary.mkdir()
    try:
        yield temporary
        _put_in_place(temporary, target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _prepared(path: str | os.PathLike[str]) -> Path:
    """Return the path behind any symbolic link (the link itself stays), with its parent folder made."""
    target = Path(path).resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    return target


def _sibling(target: Path) -> Path:
    return target.with_name(f".{target.name}.tmp-{os.getpid()}-{uuid.uuid4().hex[:12]}")


def _remove_stale(target: Path) -> None:
    # Age, not the process id in the name, decides: the folder may be shared by several machines.
    limit = time.time() - _STALE_SECONDS
    prefix = f".{target.name}.tmp-"
    for path in [path for path in target.parent.iterdir() if path.name.startswith(prefix)]:
        with suppress(FileNotFoundError):
            if path.stat().st_mtime < limit and path.is_dir():
                shutil.rmtree(path, ignore_errors=True)


def _put_in_place(new: Path, target: Path) -> None:
    """Rename `new` to `target`; a folder that is there already ends up under the name `new`."""
    while True:
        try:
            new.rename(target)
            return
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
        try:
            if not _exchange(new, target):
                _rename_aside(new, target)
            return
        except FileNotFoundError:
            # Another process moved the folder at `target` between our two steps.
            continue


def _exchange(first: Path, second: Path) -> bool:
    """Swap two folders in one step; return False where the system cannot."""
    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if renameat2 is None:
        return False
    if renameat2(_AT_FDCWD, os.fsencode(first), _AT_FDCWD, os.fsencode(second), _RENAME_EXCHANGE) == 0:
        return True
    code = ctypes.get_errno()
    if code in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP):
        return False
    raise OSError(code, os.strerror(code), str(second))


def _rename_aside(new: Path, target: Path) -> None:
    aside = _sibling(target)
    target.rename(aside)
    try:
        new.rename(target)
    except OSError:
        aside.rename(target)
        raise
    shutil.rmtree(aside, ignore_errors=True)
