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
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any, Protocol, TypeVar

from reward_fn.schema import FailureKind, RewardError
from reward_fn.workers import job
from reward_fn.workers.times import Job, finish

T = TypeVar("T")

START_S = 60.0
"""How long a worker may take to start and import."""
GRACE_S = 0.5
"""How long a job may go on after its time, before its worker is killed."""
JOBS_OF_A_WORKER = 20_000
"""After so many jobs a worker is replaced: libraries keep caches, but importing sympy again takes a second."""
MEMORY = 4 * 2**30
"""Bytes of address space of a worker."""

_Jobs = tuple["dict[int, Job[Any]]", bytes, float]
"""Calls by their places in the job, the job, and the time limit of each call."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What workers run.

    Attributes:
        command: The module that a worker runs, which calls `job.main`, and its further arguments.
        variables: The environment variables that it gets of those that are set; None for all.
    """

    command: tuple[str, ...] = ("reward_fn.workers",)
    variables: tuple[str, ...] | None = None


class Pool(Protocol):
    """Worker processes, wherever they are."""

    @property
    def size(self) -> int:
        """How many there are at most."""

    def submit(self, function: Callable[..., T], *arguments: object, timeout_s: float) -> Job[T]:
        """Have a worker call a function; see `WorkerPool.submit`."""

    def submit_all(
        self, function: Callable[..., T], calls: Sequence[tuple[object, ...]], timeout_s: float
    ) -> list[Job[T]]:
        """Have a worker call a function several times; see `WorkerPool.submit_all`."""


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
        kind: What they run.
        home: Its interpreter and folder, if not those of this process.
    """

    def __init__(
        self,
        size: int,
        memory: int = MEMORY,
        kind: Kind | None = None,
        home: Home | None = None,
    ) -> None:
        self.size = size
        module, *arguments = (kind or PLAIN).command
        names = (kind or PLAIN).variables
        environment = None if names is None else {name: os.environ[name] for name in names if name in os.environ}
        self._worker = partial(_Worker, [module, str(memory), *arguments], environment, home)
        self._jobs: queue.SimpleQueue[_Jobs] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads = self._idle = 0

    @property
    def waiting(self) -> int:
        """How many jobs no worker has begun."""
        return self._jobs.qsize()

    def submit(self, function: Callable[..., T], *arguments: object, timeout_s: float) -> Job[T]:
        """Have a worker call a function.

        Args:
            function: One that can be imported: a worker gets its name.
            arguments: What it is called with; they are pickled.
            timeout_s: Seconds that it may take, from when it begins.

        Returns:
            The future result. Its exception is a `RewardError` of kind TIMEOUT or CRASH, or what the function raised.
        """
        return self.submit_all(function, [arguments], timeout_s)[0]

    def submit_all(
        self, function: Callable[..., T], calls: Sequence[tuple[object, ...]], timeout_s: float
    ) -> list[Job[T]]:
        """Have a worker call a function several times, one call after the other.

        Args:
            function: One that can be imported.
            calls: What it is called with.
            timeout_s: Seconds that each call may take. One that takes longer, or kills the worker, costs the others
                nothing but the time.

        Returns:
            For each call what `submit` returns; each is done when its call is.
        """
        return list(self.submit_pickled(pickled(function, calls, timeout_s), range(len(calls)), timeout_s).values())

    def submit_pickled(self, content: bytes, places: Iterable[int], timeout_s: float) -> dict[int, Job[Any]]:
        """Do as `submit_all` with what `pickled` has made, for the calls at some places."""
        jobs: dict[int, Job[Any]] = {place: Job() for place in places}
        self._jobs.put((jobs, content, timeout_s))
        with self._lock:
            if self._jobs.qsize() > self._idle and self._threads < self.size:
                self._threads += 1
                threading.Thread(target=self._serve, name="reward_fn worker", daemon=True).start()
        return jobs

    def _serve(self) -> None:
        worker = self._worker()
        while True:
            with self._lock:
                self._idle += 1
            jobs, content, timeout_s = self._jobs.get()
            with self._lock:
                self._idle -= 1
            left = [place for place, one in jobs.items() if one.set_running_or_notify_cancel()]
            crashed: set[int] = set()
            while left:
                try:
                    for worked, outcome, seconds in worker.run(list(left), content, timeout_s):
                        if isinstance(outcome, _CrashError) and left[0] not in crashed:
                            crashed.add(left[0])  # once more: what killed the worker may have nothing to do with it
                        else:
                            finish(jobs[left.pop(0)], worked, outcome, seconds)
                except Exception as error:  # noqa: BLE001 - the caller's
                    finish(jobs[left.pop(0)], False, error, 0.0)


def pickled(function: Callable[..., Any], calls: Sequence[tuple[object, ...]], timeout_s: float) -> bytes:
    """Return a job as workers read it."""
    return pickle.dumps((function, calls, timeout_s))


class _CrashError(RewardError):
    """A worker has died with a call."""


class _Worker:
    """One worker process, and the next one when it is gone."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str] | None, home: Home | None) -> None:
        self._command, self._environment, self._home = command, environment, home
        self._process: subprocess.Popen[bytes] | None = None
        self._done = 0

    def run(self, places: list[int], content: bytes, timeout_s: float) -> Iterator[tuple[bool, Any, float]]:
        """Make calls of a job, one after the other.

        Yields:
            For each whether it worked, its result or exception, and its seconds. The last one is the one that ended the
            worker, if one did; the others have not been made then.
        """
        if self._process is None or self._done >= JOBS_OF_A_WORKER or self._process.poll() is not None:
            self._start()
        assert self._process is not None and self._process.stdin is not None and self._process.stdout is not None
        self._done += len(places)
        answers: Any = self._process.stdout
        began: float | None = None
        try:
            job.write(self._process.stdin, pickle.dumps(places))  # type: ignore[arg-type]
            job.write(self._process.stdin, content)  # type: ignore[arg-type]
            for _ in places:
                began = None
                _wait(answers, START_S)
                job.read(answers)
                began = time.monotonic()
                _wait(answers, timeout_s + GRACE_S)
                yield _unpickled(job.read(answers))
        except (TimeoutError, EOFError, OSError) as error:
            code = self._end()
            told: RewardError = _CrashError(FailureKind.CRASH, f"the worker process ended with status {code}")
            if isinstance(error, TimeoutError):
                told = RewardError(FailureKind.TIMEOUT, f"took longer than {timeout_s:g} s and was killed")
            yield False, told, 0.0 if began is None else time.monotonic() - began

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


def _unpickled(content: bytes) -> tuple[bool, Any, float]:
    """Return an outcome; one that cannot be read here is an exception."""
    try:
        worked, result, seconds = pickle.loads(content)
    except Exception as error:  # noqa: BLE001 - the caller's
        return False, error, 0.0
    if not worked and isinstance(result, TimeoutError):
        result = RewardError(FailureKind.TIMEOUT, str(result))
    return worked, result, seconds


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


PLAIN = Kind()
"""Workers that run what they are asked to, in the environment of this process."""

_pools: dict[tuple[int, Kind], Pool] = {}
_opener: tuple[int, Callable[[Kind], Pool]] | None = None
_pools_lock = threading.Lock()


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def pool(kind: Kind = PLAIN) -> Pool:
    """Return the workers of a kind that this process uses: one for each core, if `use_pools` has not said otherwise.

    A forked child has workers of its own.
    """
    with _pools_lock:
        key = os.getpid(), kind
        if key not in _pools:
            _pools[key] = _opener[1](kind) if _opener and shared() else WorkerPool(cores(), kind=kind)
        return _pools[key]


def use_pools(opener: Callable[[Kind], Pool] | None) -> None:
    """Have this process use other workers than its own, such as those that a cluster shares.

    Args:
        opener: Returns the workers of a kind; it is asked once for each. None for workers of this process again.
    """
    global _opener
    with _pools_lock:
        _opener = None if opener is None else (os.getpid(), opener)
        _pools.clear()


def shared() -> bool:
    """Return whether this process uses the workers of others."""
    return _opener is not None and _opener[0] == os.getpid()
