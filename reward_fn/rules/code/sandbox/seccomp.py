"""System calls that a program in the sandbox does not get, as a filter that the kernel runs.

The namespaces already hide files, processes and networks. The filter takes away what could open them again or is not
in any namespace: sockets other than local ones (of a virtual machine's host, for one), namespaces within, mounts, and
calls that programs under test never need and kernels have had holes in.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import socket
import struct
from functools import cache
from typing import ClassVar

from reward_fn.rules.code.sandbox.linux import PR_SET_SECCOMP, Namespace, prctl

_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_SOCKET = {"x86_64": 41, "aarch64": 198}
_CLONE = {"x86_64": 56, "aarch64": 220}
_CLONE3 = 435
_REFUSED = {
    "x86_64": {
        "ptrace": 101, "pivot_root": 155, "chroot": 161, "mount": 165, "umount2": 166, "add_key": 248,
        "request_key": 249, "keyctl": 250, "unshare": 272, "perf_event_open": 298, "setns": 308,
        "process_vm_readv": 310, "process_vm_writev": 311, "bpf": 321, "userfaultfd": 323,
    },
    "aarch64": {
        "ptrace": 117, "pivot_root": 41, "chroot": 51, "mount": 40, "umount2": 39, "add_key": 217,
        "request_key": 218, "keyctl": 219, "unshare": 97, "perf_event_open": 241, "setns": 268,
        "process_vm_readv": 270, "process_vm_writev": 271, "bpf": 280, "userfaultfd": 282,
    },
}  # fmt: skip
_REFUSED_EVERYWHERE = {
    "io_uring_setup": 425, "open_tree": 428, "move_mount": 429, "fsopen": 430, "fsmount": 432, "mount_setattr": 442,
}  # fmt: skip

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16
"""Where the filter finds them in the kernel's `seccomp_data`."""
_ALLOW, _KILL, _ERROR = 0x7FFF0000, 0x80000000, 0x00050000
_X32 = 0x40000000
"""Numbers from here on are x86_64's calls in another guise."""


def available() -> bool:
    """Return whether the numbers of this machine's system calls are known, after making the filter."""
    known = platform.machine() in _ARCHITECTURES
    if known:
        _filter(platform.machine())
    return known


def install() -> None:
    """Put the filter on this process and all that it starts; `no_new_privs` is set already."""
    program = _filter(platform.machine())
    mode_filter = 2
    prctl(PR_SET_SECCOMP, mode_filter, ctypes.byref(_Program(len(program) // 8, program)))


class _Program(ctypes.Structure):
    _fields_: ClassVar = [("length", ctypes.c_ushort), ("code", ctypes.c_char_p)]


@cache
def _filter(machine: str) -> bytes:
    """Return the filter in the kernel's classic BPF: each instruction is a code, two jumps and a value."""
    refused = [*_REFUSED[machine].values(), *_REFUSED_EVERYWHERE.values()]
    steps = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, _ARCHITECTURES[machine]),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
        *_refuse(_AT_LEAST, _X32, errno.ENOSYS),
        *_refuse(_EQUAL, _CLONE3, errno.ENOSYS),  # its flags are out of a filter's sight; libraries then use clone
        *(step for number in refused for step in _refuse(_EQUAL, number, errno.EPERM)),
        (_EQUAL, 0, 3, _SOCKET[machine]),
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
        (_EQUAL, 5, 0, socket.AF_UNIX),
        (_RETURN, 0, 0, _ERROR | errno.EACCES),
        (_EQUAL, 0, 3, _CLONE[machine]),
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
        *_refuse(_ANY_BIT, int(Namespace.ALL), errno.EPERM),
        (_RETURN, 0, 0, _ALLOW),
    ]
    return b"".join(struct.pack("=HBBI", *step) for step in steps)


def _refuse(test: int, value: int, error: int) -> list[tuple[int, int, int, int]]:
    return [(test, 0, 1, value), (_RETURN, 0, 0, _ERROR | error)]
