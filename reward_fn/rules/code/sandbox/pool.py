"""The worker processes that wait for programs to run."""

from __future__ import annotations

from typing import Literal

from reward_fn.workers.pool import Kind, Pool, pool

Isolation = Literal["namespaces", "none"]

_PASSED_ON = ("PATH", "LANG", "LD_LIBRARY_PATH", "SYSTEMROOT")
"""All that a worker gets of this process's environment, in which keys and tokens may stand."""


def sandboxes(isolation: Isolation, folders: tuple[str, ...]) -> Pool:
    """Return the workers that this process uses with an isolation and folders of packages to import."""
    return pool(Kind(("reward_fn.rules.code.sandbox", isolation, *folders), _PASSED_ON))
