"""What runs in a worker process: one job after the other, from standard input.

A message is a length in 8 bytes and a pickle. A job is a function, which the unpickling imports, the arguments of some
calls of it and the time limit of each; before it comes a list of the calls to make. For each of them the answers are
`STARTED`, when all is imported and the clock starts, and then the outcome.
"""

from __future__ import annotations

import os
import pickle
import signal
import struct
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, BinaryIO

STARTED = b"started"
_LENGTH = struct.Struct("<Q")


class JobTimeoutError(BaseException):
    """A job's time is over; no `except Exception` of the libraries it runs may swallow it."""


def write(pipe: BinaryIO, content: bytes) -> None:
    """Write a message."""
    pipe.write(_LENGTH.pack(len(content)) + content)
    pipe.flush()


def read(pipe: BinaryIO) -> bytes:
    """Read a message.

    Raises:
        EOFError: The other side is gone.
    """
    return _exactly(pipe, _LENGTH.unpack(_exactly(pipe, _LENGTH.size))[0])


def _exactly(pipe: BinaryIO, length: int) -> bytes:
    parts: list[bytes] = []
    while length:
        part = pipe.read(length)  # of a pipe without a buffer, what is there
        if not part:
            raise EOFError
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


def _run(places: list[int], content: bytes, answers: BinaryIO) -> None:
    """Make the calls of a job, and write what came of each: whether it worked, its result or exception, its seconds."""
    try:
        function, calls, timeout_s = pickle.loads(content)
    except Exception as error:  # noqa: BLE001 - goes to whoever asked
        for _ in places:
            write(answers, STARTED)
            write(answers, pickle.dumps((False, RuntimeError(f"{type(error).__name__}: {error}"), 0.0)))
        return
    for place in places:
        write(answers, STARTED)
        start = time.monotonic()
        worked, result = _call(function, calls[place], timeout_s)
        write(answers, _pickled((worked, result, time.monotonic() - start)))


def _call(function: Callable[..., Any], arguments: tuple[Any, ...], timeout_s: float) -> tuple[bool, Any]:
    try:
        signal.setitimer(signal.ITIMER_REAL, timeout_s)
        try:
            return True, function(*arguments)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except JobTimeoutError:
        return False, TimeoutError(f"took longer than {timeout_s:g} s")
    except Exception as error:  # noqa: BLE001 - goes to whoever asked
        return False, error


def _pickled(result: tuple[bool, Any, float]) -> bytes:
    """Pickle an outcome; an exception that cannot be made anew from its pickle becomes its text."""
    try:
        reply = pickle.dumps(result)
        if not result[0]:
            pickle.loads(reply)
    except Exception:  # noqa: BLE001 - exceptions of libraries hold and want anything
        return pickle.dumps((False, RuntimeError(f"{type(result[1]).__name__}: {result[1]}"), result[2]))
    return reply


def _time_is_over(*_: object) -> None:
    raise JobTimeoutError


def _end_with_parent() -> None:
    """Ask Linux for SIGKILL when the parent is gone; elsewhere a worker notices when its job is done."""
    if sys.platform == "linux":
        import ctypes

        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


def _limit_memory(limit: int) -> None:
    import resource

    with suppress(ValueError, OSError):  # some systems do not limit it
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def main(prepare: Callable[[], None] = lambda: None) -> None:
    """Serve jobs until standard input ends.

    Args:
        prepare: What to do before the first one.
    """
    _end_with_parent()
    _limit_memory(int(sys.argv[1]))
    prepare()
    # What a job prints must not stand among the answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business
    signal.signal(signal.SIGALRM, _time_is_over)
    with suppress(EOFError, BrokenPipeError):
        while True:
            places = pickle.loads(read(sys.stdin.buffer))
            _run(places, read(sys.stdin.buffer), answers)
