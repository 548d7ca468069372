"""The system calls of Linux that Python does not offer, with exceptions in the place of return values."""

from __future__ import annotations

import ctypes
import os
from enum import IntFlag
from functools import cache

PR_SET_PDEATHSIG = 1
PR_SET_SECCOMP = 22
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38

_SYS_MOUNT_SETATTR = 442
_AT_FDCWD, _AT_RECURSIVE = -100, 0x8000
_CAPABILITY_VERSION_3 = 0x20080522
_MNT_DETACH = 2


class Namespace(IntFlag):
    """What `unshare` takes apart."""

    MOUNT = 0x00020000
    IPC = 0x08000000
    USER = 0x10000000
    PID = 0x20000000
    NETWORK = 0x40000000
    ALL = MOUNT | IPC | USER | PID | NETWORK


class Mount(IntFlag):
    """Flags of `mount`."""

    NOSUID = 2
    NODEV = 4
    BIND = 4096
    RECURSIVE = 16384
    PRIVATE = 1 << 18


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _call(name: str, *arguments: object) -> None:
    if getattr(_libc(), name)(*arguments) < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def unshare(namespaces: Namespace) -> None:
    """Give this process namespaces of its own."""
    _call("unshare", ctypes.c_int(namespaces))


def prctl(option: int, value: object = 0, more: object = 0) -> None:
    """Set an attribute of this process."""
    _call("prctl", ctypes.c_int(option), value, more, 0, 0)


def mount(source: str, target: str, kind: str = "", flags: int = 0, data: str = "") -> None:
    """Mount a file system, or a place at another place."""
    encoded = (os.fsencode(text) if text else None for text in (source, target, kind))
    _call("mount", *encoded, ctypes.c_ulong(flags), os.fsencode(data) if data else None)


def make_read_only(target: str, recursive: bool) -> None:
    """Make a mount, and those below it, read-only, without devices and set-user-ID (Linux 5.12 or later)."""
    read_only, no_suid, no_devices = 1, 2, 4
    wanted = (ctypes.c_uint64 * 4)(read_only | no_suid | no_devices)  # what to set, to clear, and two that stay
    flags = _AT_RECURSIVE if recursive else 0
    size = ctypes.c_size_t(ctypes.sizeof(wanted))
    _call("syscall", _SYS_MOUNT_SETATTR, _AT_FDCWD, os.fsencode(target), flags, ctypes.byref(wanted), size)


def change_root(folder: str) -> None:
    """Make a mount the root of this process's mount namespace, and the old root unreachable."""
    os.chdir(folder)
    _call("pivot_root", b".", b".")
    _call("umount2", b".", _MNT_DETACH)
    os.chdir("/")


def drop_capabilities() -> None:
    """Give up all privileges, for ever."""
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    _call("capset", header, (ctypes.c_uint32 * 6)())
