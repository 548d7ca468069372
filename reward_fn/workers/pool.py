"""A pool of worker processes.

A thread for each worker hands it one job at a time. A job's clock starts when its worker has imported what the job
needs, not while it waits its turn. When the time is over the worker interrupts the job; a job that cannot be
interrupted is killed with its worker and all that it started, and the next job gets a new one. Workers are plain child
processes, so all of this works alike in the main thread, in other threads, in event loops, Ray actors and notebooks.
"""

from __future__ import annotations

import os
import pickle
import queue
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any, TypeVar

from reward_fn.schema import FailureKind, RewardError
from reward_fn.workers import job

T = TypeVar("T")

START_S = 60.0
"""How long a worker may take to start and import."""
GRACE_S = 0.5
"""How long a job may go on after its time, before its worker is killed."""
JOBS_OF_A_WORKER = 20_000
"""After so many jobs a worker is replaced: libraries keep caches, but importing sympy again takes a second."""
MEMORY = 4 * 2**30
"""Bytes of address space of a worker."""

_Job = tuple["Future[Any]", bytes, float]


@dataclass(frozen=True, slots=True)
class Home:
    """Where workers run, if not as this process does.

    Attributes:
        python: The interpreter.
        folder: The working folder.
        path: Folders with modules, beside those that the interpreter has.
    """

    python: str
    folder: Path
    path: Sequence[str]


class WorkerPool:
    """Worker processes, started when there is work for them.

    Args:
        size: How many there are at most.
        memory: Bytes of address space that each of them may take.
        command: The module that a worker runs, which calls `job.main`, and its further arguments.
        environment: Its environment variables, if not those of this process.
        home: Its interpreter and folder, if not those of this process.
    """

    def __init__(
        self,
        size: int,
        memory: int = MEMORY,
        command: Sequence[str] = ("reward_fn.workers",),
        environment: Mapping[str, str] | None = None,
        home: Home | None = None,
    ) -> None:
        self.size = size
        self._worker = partial(_Worker, [command[0], str(memory), *command[1:]], environment, home)
        self._jobs: queue.SimpleQueue[_Job] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads = self._idle = 0

    def submit(self, function: Callable[..., T], *arguments: object, timeout_s: float) -> Future[T]:
        """Have a worker call a function.

        Args:
            function: One that can be imported: a worker gets its name.
            arguments: What it is called with; they are pickled.
            timeout_s: Seconds that it may take, from when it begins.

        Returns:
            The future result. Its exception is a `RewardError` of kind TIMEOUT or CRASH, or what the function raised.
        """
        future: Future[T] = Future()
        self._jobs.put((future, pickle.dumps((function, arguments, timeout_s)), timeout_s))
        with self._lock:
            if self._jobs.qsize() > self._idle and self._threads < self.size:
                self._threads += 1
                threading.Thread(target=self._serve, name="reward_fn worker", daemon=True).start()
        return future

    def _serve(self) -> None:
        worker = self._worker()
        while True:
            with self._lock:
                self._idle += 1
            future, content, timeout_s = self._jobs.get()
            with self._lock:
                self._idle -= 1
            if not future.set_running_or_notify_cancel():
                continue
            try:
                worked, result = worker.run(content, timeout_s)
            except Exception as error:  # noqa: BLE001 - the caller's
                worked, result = False, error
            if worked:
                future.set_result(result)
            else:
                timeout = isinstance(result, TimeoutError)
                future.set_exception(RewardError(FailureKind.TIMEOUT, str(result)) if timeout else result)


class _Worker:
    """One worker process, and the next one when it is gone."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str] | None, home: Home | None) -> None:
        self._command, self._environment, self._home = command, environment, home
        self._process: subprocess.Popen[bytes] | None = None
        self._done = 0

    def run(self, content: bytes, timeout_s: float) -> tuple[bool, Any]:
        """Run a job; return whether it worked, and its result or exception.

        Raises:
            RewardError: The worker ended, or the job did not.
        """
        if self._process is None or self._done >= JOBS_OF_A_WORKER or self._process.poll() is not None:
            self._start()
        assert self._process is not None and self._process.stdin is not None and self._process.stdout is not None
        self._done += 1
        try:
            job.write(self._process.stdin, content)  # type: ignore[arg-type]
            _wait(self._process.stdout, START_S)
            job.read(self._process.stdout)  # type: ignore[arg-type]
            _wait(self._process.stdout, timeout_s + GRACE_S)
            result: tuple[bool, Any] = pickle.loads(job.read(self._process.stdout))  # type: ignore[arg-type]
        except (TimeoutError, EOFError, OSError) as error:
            code = self._end()
            if isinstance(error, TimeoutError):
                raise RewardError(FailureKind.TIMEOUT, f"took longer than {timeout_s:g} s and was killed") from error
            raise RewardError(FailureKind.CRASH, f"the worker process ended with status {code}") from error
        return result

    def _start(self) -> None:
        self._end()
        home = self._home
        path = os.pathsep.join(home.path if home else filter(None, sys.path))
        environment = os.environ if self._environment is None else self._environment
        self._process = subprocess.Popen(
            [home.python if home else sys.executable, "-m", *self._command],
            cwd=home.folder if home else None,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,  # what a buffer held, `_wait` would not see
            env={**environment, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
            start_new_session=True,
        )
        self._done = 0

    def _end(self) -> int | None:
        """Kill the worker and its group, and return its exit status."""
        if self._process is None:
            return None
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        code = self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):
                if pipe is not None:
                    pipe.close()
        self._process = None
        return code


def _wait(pipe: IO[bytes], seconds: float) -> None:
    """Wait until something can be read.

    Raises:
        TimeoutError: Nothing came.
    """
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        deadline = time.monotonic() + seconds
        while not selector.select(max(0.0, deadline - time.monotonic())):
            if time.monotonic() >= deadline:
                raise TimeoutError


_pools: dict[int, WorkerPool] = {}
_pools_lock = threading.Lock()


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def pool() -> WorkerPool:
    """Return the pool of this process, with a worker for each core; a forked child gets its own."""
    with _pools_lock:
        if os.getpid() not in _pools:
            _pools[os.getpid()] = WorkerPool(cores())
        return _pools[os.getpid()]
