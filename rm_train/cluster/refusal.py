"""Why Ray did not start, in plain words: `ray start` tells it by a traceback in its log."""

from __future__ import annotations

import re

_NO_HEAD = "Timed out while waiting for GCS"
_WRONG_TOKEN = "InvalidAuthToken"
_VERSIONS = re.compile(
    r"The cluster was started with:\s+Ray: (\S+)\s+Python: (\S+)\s+This process .*?\s+Ray: (\S+)\s+Python: (\S+)"
)


def hopeless(log: str) -> bool:
    """Return whether Ray has said what it will say another twenty times before it gives up."""
    return _NO_HEAD in log or _WRONG_TOKEN in log


def refusal(log: str, head: str) -> str:
    """Return the reason, with what to do about it.

    Args:
        log: What `ray start` has written.
        head: HOST:PORT of the cluster's head.
    """
    if versions := _VERSIONS.search(log):
        ray, python, own_ray, own_python = versions.groups()
        return (
            f"the versions differ: the head at {head} runs Ray {ray} on Python {python}, this node has Ray {own_ray} "
            f"on Python {own_python}. Ray wants them equal to the last digit on all nodes: install the same ones here"
        )
    if _WRONG_TOKEN in log:
        return (
            f"the head at {head} does not take this node's token: copy the head's here (see --help), or where one of "
            "them has RAY_AUTH_MODE=disabled, start both alike"
        )
    if _NO_HEAD in log:
        return f"what answers at {head} is no Ray head; its port is 6379 unless `head --port` said otherwise"
    if "timed out during startup" in log:
        return "Ray gives itself 30 s to start, and this machine was too busy for that: try again when it is less"
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"
