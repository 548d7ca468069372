"""The worker processes that wait for programs to run."""

from __future__ import annotations

import os
from functools import cache
from typing import Literal

from reward_fn.workers.pool import MEMORY, WorkerPool, cores

Isolation = Literal["namespaces", "none"]

_PASSED_ON = ("PATH", "LANG", "LD_LIBRARY_PATH", "SYSTEMROOT")
"""All that a worker gets of this process's environment, in which keys and tokens may stand."""


def sandboxes(isolation: Isolation, folders: tuple[str, ...]) -> WorkerPool:
    """Return this process's workers with an isolation and folders of packages to import: one for each core."""
    return _pool(os.getpid(), isolation, folders)


@cache
def _pool(_process: int, isolation: Isolation, folders: tuple[str, ...]) -> WorkerPool:
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    command = "reward_fn.rules.code.sandbox", isolation, *folders
    return WorkerPool(cores(), MEMORY, command, environment)
