"""Runs one of a run's processes: its output goes to a log, and nothing it started outlives it."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import psutil

from rm_train.launch.log_error import last_error

POLL_S = 0.2
STOP_S = 20.0
"""How long a process may take to stop when it is asked to, before it is killed."""

_ROOM = 2**20
"""Bytes without which a disk counts as full."""

MARK = "RM_TRAIN_PROCESS"
"""The variable by which a process and all that it starts are known; Ray's daemons leave their parent's family tree.

Its value is the path of the log, so what a killed run has left is found by the next attempt at it.
"""

_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
_PR_SET_PDEATHSIG = 1


class ProcessFailedError(RuntimeError):
    """A process ended with an error; the message has the end of its log and where the rest is."""


def run_logged(
    command: Sequence[str],
    environment: Mapping[str, str],
    log: Path,
    on_poll: Callable[[], None] | None = None,
    on_interrupt: Callable[[], bool] | None = None,
    *,
    shielded: bool = False,
) -> None:
    """Run a command to its end, appending all of its output to a log; what still runs with the same log is ended first.

    Args:
        command: The program and its arguments.
        environment: Added to this process's own.
        log: Where output and errors go.
        on_poll: Called a few times a second while the command runs.
        on_interrupt: Called when this process is interrupted. It may ask the command to end by itself, and returns
            whether to wait for that; another interrupt ends the wait.
        shielded: Keep SIGTERM from the command, which is then interrupted where it has to stop: Ray stops a job by a
            SIGTERM to all of its processes at once, of which this one alone knows how to stop the command in order.

    Raises:
        ProcessFailedError: The command ended with an error.
        KeyboardInterrupt: Passed on, after the command and all it started have ended.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    mark = str(log.resolve())
    _end_marked(mark)
    with log.open("ab") as file:
        earlier_attempts = file.tell()
        # A session of its own: Ctrl-C reaches this process only, which then stops the command in order.
        child = subprocess.Popen(
            command,
            env={**os.environ, **environment, MARK: mark},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=partial(_end_with_parent, shielded=shielded),
        )
        try:
            _wait(child, on_poll)
        except KeyboardInterrupt:
            if child.poll() is None and on_interrupt is not None and on_interrupt():
                _wait(child, on_poll)
            raise
        finally:
            _end(child, mark, signal.SIGINT if shielded else signal.SIGTERM)
        if on_poll is not None:
            on_poll()
    if child.returncode != 0:
        ending = f"signal {-child.returncode}" if child.returncode < 0 else f"exit status {child.returncode}"
        error = _full_disk(log) or last_error(_end_of(log, earlier_attempts))
        raise ProcessFailedError(f"{error}\n\n{Path(command[0]).name} ended with {ending}. Full log: {log}")


def _full_disk(log: Path) -> str | None:
    """Return what to say when the log's disk is full: the log itself lacks the reason then."""
    if shutil.disk_usage(log.parent).free >= _ROOM:
        return None
    return f"the disk of {log.parent} is full; make room there, and the same command goes on"


def _wait(child: subprocess.Popen[bytes], on_poll: Callable[[], None] | None) -> None:
    while child.poll() is None:
        if on_poll is not None:
            on_poll()
        try:
            child.wait(POLL_S)
        except subprocess.TimeoutExpired:
            continue


def _end_with_parent(*, shielded: bool) -> None:
    """Let the kernel stop this process when its parent is killed; runs in the child, and only Linux can."""
    if shielded:
        # Blocked rather than ignored: Ray's driver sets a handler of its own. And Ray blocks SIGINT in its jobs.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL if shielded else signal.SIGTERM)


def _end(child: subprocess.Popen[bytes], mark: str, request: signal.Signals) -> None:
    """Stop a process and whatever it started: politely, then by force."""
    if child.poll() is None:
        child.send_signal(request)
        try:
            child.wait(STOP_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
    _end_marked(mark)


def _end_marked(mark: str) -> None:
    _, alive = psutil.wait_procs(_marked(mark), timeout=STOP_S / 4)
    for process in alive:
        process.kill()
    psutil.wait_procs(alive, timeout=STOP_S / 4)


def _marked(mark: str) -> list[psutil.Process]:
    # Another user's processes do not show their environment; they are not ours.
    return [
        process for process in psutil.process_iter(["environ"]) if (process.info["environ"] or {}).get(MARK) == mark
    ]


def _end_of(log: Path, start: int) -> str:
    """Return the last 200 kB of a log, and nothing before `start`."""
    with log.open("rb") as file:
        file.seek(max(start, log.stat().st_size - 200_000))
        return file.read().decode(errors="replace")
