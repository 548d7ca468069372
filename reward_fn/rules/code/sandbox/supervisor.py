"""Runs one case at a time in a process of its own, takes what it prints and reports, and kills what it leaves.

It is the first process of the sandbox, where programs cannot reach it: they are other users or have fewer privileges,
and signals from inside do not touch it. It never knows the right answers, so there is nothing to steal from it.
"""

from __future__ import annotations

import atexit
import gc
import io
import math
import os
import resource
import selectors
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback
from contextlib import suppress
from pathlib import Path
from typing import IO

import psutil

from reward_fn.rules.code.sandbox import driver, linux, namespaces
from reward_fn.rules.code.sandbox.driver import Task, perform
from reward_fn.rules.code.sandbox.limits import Ending, Limits, Outcome

_STDOUT, _STDERR, _REPORT = 1, 2, 3
_DETAIL = 2000
"""Characters of standard error that are kept."""
_TICK_S = 0.02

isolated = False
"""Whether this process has moved into the sandbox; if not, a program is only limited."""
missing = ""
"""What this machine lacks of a sandbox that this process should have moved into."""


def prepare(isolation: bool, folders: tuple[str, ...]) -> None:
    """Make this process ready to run cases.

    Args:
        isolation: Whether it is to move into the sandbox.
        folders: Where programs find packages to import, beside the standard library.
    """
    global isolated, missing
    driver.prelude()  # imported once, and not in each case
    if isolation:
        try:
            namespaces.enter(folders)
            isolated = True
        except namespaces.IsolationError as error:
            missing = str(error)
    elif sys.platform == "linux":
        linux.prctl(linux.PR_SET_CHILD_SUBREAPER, 1)  # a program's orphans become children of this process
    os.environ.clear()
    os.environ.update(PATH="/usr/bin:/bin", HOME=namespaces.WORK, LANG="C.UTF-8", OMP_NUM_THREADS="1")
    sys.argv = ["solution.py"]
    libraries = map(Path, (*namespaces.standard_library(), *folders))
    sys.path[:] = [*(str(namespaces.seen_as(folder) if isolated else folder) for folder in libraries), ""]
    gc.freeze()  # so that a child does not copy pages to count references


def run(task: Task, limits: Limits) -> Outcome:
    """Run a task, and return what came of it.

    Raises:
        IsolationError: The machine does not allow the sandbox that was asked for.
    """
    if missing:
        raise namespaces.IsolationError(missing)
    with _file(task.stdin.encode("utf-8", "surrogatepass")) as stdin:
        pipes = {number: os.pipe() for number in (_STDOUT, _STDERR, _REPORT)}
        work = "" if isolated else tempfile.mkdtemp(prefix="reward_fn_")
        began, supervisor = time.monotonic(), os.getpid()
        child = os.fork()
        if child == 0:
            _become(task, limits, work, stdin.fileno(), {number: ends[1] for number, ends in pipes.items()}, supervisor)
        try:
            for _, end in pipes.values():
                os.close(end)
            followed = _Run(child, {ends[0]: number for number, ends in pipes.items()}, limits)
            return followed.outcome(began + limits.wall_s)
        finally:
            for end, _ in pipes.values():
                os.close(end)
            if work:
                shutil.rmtree(work, ignore_errors=True)


def _file(content: bytes) -> IO[bytes]:
    """Return a file that is in no folder."""
    linux_ = hasattr(os, "memfd_create")
    file: IO[bytes] = open(os.memfd_create("stdin"), "w+b") if linux_ else tempfile.TemporaryFile()  # noqa: SIM115, PTH123
    file.write(content)
    file.seek(0)
    return file


class _Run:
    """A running case, seen from outside."""

    def __init__(self, child: int, pipes: dict[int, int], limits: Limits) -> None:
        self._child, self._limits = child, limits
        self._open = selectors.DefaultSelector()
        self._read = {number: bytearray() for number in pipes.values()}
        for end, number in pipes.items():
            os.set_blocking(end, False)
            self._open.register(end, selectors.EVENT_READ, number)

    def outcome(self, deadline: float) -> Outcome:
        """Follow the case to its end and tell it."""
        ending = self._follow(deadline)
        _kill_all(self._child)
        _, status, usage = os.wait4(self._child, 0)
        _reap()
        if ending is None and not self._drain(until_end=True):
            ending = Ending.OUTPUT
        self._open.close()
        cpu_s = usage.ru_utime + usage.ru_stime
        code = os.waitstatus_to_exitcode(status)
        if ending is None and (cpu_s > self._limits.cpu_s or code == -signal.SIGXCPU):
            ending = Ending.TIMEOUT
        stdout, stderr, report = (
            bytes(self._read[number]).decode("utf-8", "replace") for number in (_STDOUT, _STDERR, _REPORT)
        )
        detail = stderr[-_DETAIL:]
        if ending is None and code != 0:
            ending = Ending.ERROR
            detail = detail or (f"ended by {signal.Signals(-code).name}" if code < 0 else f"exit status {code}")
        return Outcome(ending or Ending.DONE, stdout, tuple(report.splitlines()), detail, cpu_s)

    def _follow(self, deadline: float) -> Ending | None:
        """Read until the child has ended; return why it must be stopped before that, if it must."""
        pause = 0.0002
        while True:
            # Not reaped yet, so that its number stays its own until all is killed.
            if os.waitid(os.P_PID, self._child, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                return None
            if time.monotonic() > deadline:
                return Ending.TIMEOUT
            if self._open.get_map():
                self._open.select(_TICK_S)
                if not self._drain():
                    return Ending.OUTPUT
            else:
                time.sleep(pause)
                pause = min(2 * pause, _TICK_S)

    def _drain(self, *, until_end: bool = False) -> bool:
        """Read what there is; return whether it is within the limit. What is printed to standard error is cut."""
        while ready := self._open.select(0):
            for key, _ in ready:
                part = os.read(key.fd, 1 << 16)
                read = self._read[key.data]
                if not part:
                    self._open.unregister(key.fd)
                elif key.data == _STDERR:
                    read += part
                    del read[: -4 * _DETAIL]
                else:
                    read += part
                    if len(read) > self._limits.output_bytes:
                        return False
            if not until_end:
                break
        return True


def _kill_all(child: int) -> None:
    """Kill a case's process and all that it started: in the sandbox everything but this process."""
    if isolated:
        with suppress(ProcessLookupError):
            os.kill(-1, signal.SIGKILL)
        return
    # The process itself is not reaped yet, and orphans have come to this process: so nobody is missed who does not
    # keep forking.
    while alive := [one for one in psutil.Process().children(recursive=True) if one.status() != psutil.STATUS_ZOMBIE]:
        for one in alive:
            with suppress(psutil.NoSuchProcess):
                one.kill()
    with suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)


def _reap() -> None:
    """Wait for the killed orphans of a program, which have become children of this process."""
    with suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)


def _become(task: Task, limits: Limits, work: str, stdin: int, pipes: dict[int, int], supervisor: int) -> None:
    """Be the case's process, which does not return."""
    status = 1
    try:
        os.setsid()
        _take_files(stdin, pipes)
        drop = namespaces.confine(limits.files_bytes) if isolated else None
        if work:
            os.chdir(work)
            os.environ.update(HOME=work, TMPDIR=work)
            if sys.platform == "linux":
                linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGKILL)
                if os.getppid() != supervisor:
                    return  # it had gone before that was asked for; nobody waits for the status
        for number in (signal.SIGALRM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        _limit(limits)
        if drop:
            drop()
        status = _perform(task)
    except BaseException:  # noqa: BLE001 - told on standard error
        traceback.print_exc()
    finally:
        with suppress(BaseException):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def _perform(task: Task) -> int:
    """Perform the task as an interpreter would; return its exit status."""
    atexit._clear()
    status = 0
    try:
        perform(task, lambda text: os.write(_REPORT, f"{text}\n".encode()))
    except SystemExit as end:
        status = _exit_status(end.code)
    except BaseException as error:  # noqa: BLE001 - the program's own
        frames = error.__traceback__
        while frames and frames.tb_frame.f_code.co_filename not in ("solution.py", "tests.py"):
            frames = frames.tb_next  # what is ours is of no use to a reader
        traceback.print_exception(type(error), error, frames)
        status = 1
    # Threads and exit handlers may still print.
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    return status


def _exit_status(code: object) -> int:
    if code is None or isinstance(code, int):
        return int(code or 0)
    sys.stderr.write(f"{code}\n")
    return 1


def _take_files(stdin: int, pipes: dict[int, int]) -> None:
    """Have standard input, output, error and the report as files 0 to 3, and no others."""
    for number, end in pipes.items():
        os.dup2(end, number + 100)
    os.dup2(stdin, 0)
    for number in pipes:
        os.dup2(number + 100, number)
    os.closerange(_REPORT + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    sys.stdin = io.TextIOWrapper(io.BufferedReader(io.FileIO(0, closefd=False)), "utf-8", "surrogateescape")
    sys.stdout = io.TextIOWrapper(
        io.BufferedWriter(io.FileIO(1, "w", closefd=False)), "utf-8", "surrogateescape", write_through=False
    )
    sys.stderr = io.TextIOWrapper(
        io.BufferedWriter(io.FileIO(2, "w", closefd=False)), "utf-8", "backslashreplace", line_buffering=True
    )
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr  # type: ignore[misc]


def _limit(limits: Limits) -> None:
    cpu_s = math.ceil(limits.cpu_s)
    wanted = {
        resource.RLIMIT_CPU: (cpu_s, cpu_s + 1),
        resource.RLIMIT_AS: (limits.memory_bytes, limits.memory_bytes),
        resource.RLIMIT_FSIZE: (limits.files_bytes, limits.files_bytes),
        resource.RLIMIT_NOFILE: (256, 256),
        resource.RLIMIT_CORE: (0, 0),
    }
    if isolated:  # elsewhere it would count all processes of the user
        wanted[resource.RLIMIT_NPROC] = (limits.processes, limits.processes)
    for what, (soft, hard) in wanted.items():
        _, most = resource.getrlimit(what)
        if most != resource.RLIM_INFINITY:
            soft, hard = min(soft, most), min(hard, most)
        resource.setrlimit(what, (soft, hard))
