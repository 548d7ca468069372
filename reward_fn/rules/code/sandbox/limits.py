"""What a program may take, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True)
class Limits:
    """What one run of a program may take.

    Attributes:
        cpu_s: Seconds of CPU time; the kernel ends a process at the next whole second.
        wall_s: Seconds until all is killed.
        memory_bytes: Address space of each process.
        processes: Processes and threads at a time.
        files_bytes: All files in the working folder, and the longest of them.
        output_bytes: What it may print, and the longest result of a function.
    """

    cpu_s: float
    wall_s: float
    memory_bytes: int
    processes: int
    files_bytes: int
    output_bytes: int


class Ending(str, Enum):
    """How a run ended."""

    DONE = "done"
    """The program came to its end."""
    ERROR = "error"
    """It raised an exception, ended with another status than 0 or by a signal."""
    TIMEOUT = "timeout"
    """It took too long."""
    OUTPUT = "output"
    """It printed too much."""


@dataclass(frozen=True)
class Outcome:
    """What came of a run.

    Attributes:
        ending: How it ended.
        stdout: What it printed.
        reports: What its driver reported: plain values in the form of `values.dumps`. A program can report what it
            likes here, so they are to be compared with something that the program does not know.
        detail: The end of its standard error, or why it was stopped.
        cpu_s: Seconds of CPU time.
    """

    ending: Ending
    stdout: str = ""
    reports: tuple[str, ...] = ()
    detail: str = ""
    cpu_s: float = 0.0
