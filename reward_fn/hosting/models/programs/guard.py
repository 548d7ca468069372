"""Runs a command, and ends it with all that it has started when the parent of this process is gone.

    python guard.py COMMAND…

Standard input is a pipe that the parent holds open: it closes however the parent ends, by a SIGKILL too. An engine has
processes of its own, in whatever sessions and groups it likes; orphans among them become children of the guard, so that
none escapes. The guard is a child of the process that is started, since Ray kills the children of its workers.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading

import psutil

_GRACE_S = 5.0
"""How long the command may take to end by itself."""
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _kill_with_parent() -> None:
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _end(command: subprocess.Popen[bytes]) -> None:
    """End the command and all of its descendants."""
    command.terminate()
    try:
        command.wait(_GRACE_S)
    except subprocess.TimeoutExpired:
        command.kill()
    while left := psutil.Process().children(recursive=True):
        for process in left:
            process.kill()
        psutil.wait_procs(left, timeout=1.0)


def main() -> None:
    """Run the command; the exit status is its own."""
    if guard := os.fork():
        os._exit(os.waitstatus_to_exitcode(os.waitpid(guard, 0)[1]) % 256)
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    command = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, preexec_fn=_kill_with_parent)

    def leave() -> None:
        code = command.wait()
        _end(command)
        os._exit(code if code >= 0 else 128 - code)

    threading.Thread(target=leave, daemon=True).start()
    while os.read(0, 1):
        pass
    _end(command)
    os._exit(1)


if __name__ == "__main__":
    main()
