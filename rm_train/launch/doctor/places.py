"""Folders that runs and Ray write to: whether they can be written, and how much room there is."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

from rm_train.launch.doctor.finding import Finding, bad, warn

_ENOUGH_DISK = 5 * 2**30
"""What a run of the tiny judge writes, its checkpoints and logs, with room to spare, in bytes."""
_ENOUGH_SHARED = 2**30
"""The size of Ray's object store in `configs/ray/local.yaml`, in bytes."""
_RAY_REFUSES = 0.95
"""The share of a disk in use from which Ray writes no more objects to it (`local_fs_capacity_threshold`)."""
_LONGEST_SOCKET = 103 if sys.platform == "darwin" else 107
"""The longest name of a socket that the system takes, in bytes."""
_SOCKET = "ray/session_2026-12-31_23-59-59_999999_4194304/sockets/plasma_store"
"""The longest name that Ray gives to a socket under its temporary folder."""


def folder(key: str, path: Path, enough: int = _ENOUGH_DISK) -> Finding:
    """Examine a folder that runs write to; it need not exist yet.

    Args:
        key: The key that names it.
        path: The folder.
        enough: The free bytes below which there is little room.
    """
    there = _existing(path)
    if (error := _refusal(there)) is not None:
        return bad(key, f"{path} cannot be written ({there}: {error})", f"write {key}=… with a folder of yours")
    free = shutil.disk_usage(there).free
    what = f"{path}: {free / 2**30:.1f} GiB free"
    if free >= enough:
        return Finding(key, what)
    return warn(key, f"{what}; a run of the tiny judge takes up to {enough / 2**30:.0f}",
                f"make room, or write {key}=… on a larger disk")  # fmt: skip


def ray_folder(path: Path | None = None, most: float = _RAY_REFUSES) -> Finding:
    """Examine the folder in which Ray keeps its sockets and logs, and objects that memory cannot hold.

    Args:
        path: The folder; Ray's own choice if None.
        most: The share of the disk in use from which Ray refuses to write.
    """
    subject = "Ray's folder"
    path = path or _ray_temporary()
    too_long = len(os.fsencode(path / _SOCKET)) - _LONGEST_SOCKET
    if too_long > 0:
        return bad(subject, f"{path} is {too_long} characters too long for the sockets in it",
                   "set RAY_TMPDIR to a shorter folder, such as /tmp")  # fmt: skip
    there = _existing(path / "ray")
    if (error := _refusal(there)) is not None:
        return bad(subject, f"{there} cannot be written ({error})", "set RAY_TMPDIR to a folder of yours")
    disk = shutil.disk_usage(there)
    used = 1 - disk.free / disk.total
    what = f"{there}: {disk.free / 2**30:.1f} GiB free ({used:.0%} in use)"
    if used < most:
        return Finding(subject, what)
    return warn(subject, f"{what}; Ray writes no objects to a disk as full", "make room, or set RAY_TMPDIR")


def shared_memory(path: Path = Path("/dev/shm"), enough: int = _ENOUGH_SHARED) -> Finding:
    """Examine what Ray's object store lives in.

    Args:
        path: Where shared memory is mounted.
        enough: The free bytes below which Ray uses files instead.
    """
    if not path.is_dir():
        return Finding("shared memory", f"no {path}: Ray uses files")
    free = shutil.disk_usage(path).free
    what = f"{free / 2**30:.1f} GiB free in {path}"
    if free >= enough:
        return Finding("shared memory", what)
    return warn("shared memory", f"{what}: Ray uses files, which are slow", "start the container with --shm-size=2g")


def _ray_temporary() -> Path:
    """Return the folder that Ray chooses (`ray._common.utils.get_default_system_temp_dir`)."""
    on_linux = os.environ.get("TMPDIR") if sys.platform == "linux" else None
    return Path(os.environ.get("RAY_TMPDIR") or on_linux or "/tmp")


def _refusal(there: Path) -> str | None:
    """Try to write: permissions do not tell of read-only disks, quotas or full ones."""
    try:
        with tempfile.TemporaryFile(dir=there):
            return None
    except OSError as error:
        return error.strerror


def _existing(path: Path) -> Path:
    """Return the folder, or what of its path exists."""
    return next(part for part in (path.absolute(), *path.absolute().parents) if part.exists())
