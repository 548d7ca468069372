"""A training that failed in its course goes on from its last checkpoint, once the cluster is large enough again.

For lost nodes and killed workers. What fails before the first step is the config's fault and would fail again.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable

from omegaconf import DictConfig

from rm_train.launch.process import ProcessFailedError

ROOM_S = 1800.0
"""How long a cluster may take to be large enough again."""
_POLL_S, _SAY_S, _ANSWER_S = 5.0, 60.0, 60.0

_ASK_FREE = """
import json, logging, sys, ray
ray.init(address=sys.argv[1], log_to_driver=False, logging_level=logging.ERROR)
free = ray._private.state.available_resources_per_node()
print(json.dumps([node.get("GPU", 0) for node in free.values()]))
"""
"""verl asks the same before it places its workers. What a failed attempt still holds is not free."""


def with_retries(
    attempt: Callable[[], None], retries: int, begun: Callable[[], bool], between: Callable[[ProcessFailedError], None]
) -> None:
    """Call an attempt until it succeeds.

    Args:
        attempt: One attempt, which goes on from where the last one was.
        retries: How often to try again, 0 or more.
        begun: Whether any attempt has worked on a step.
        between: Called before each further attempt.

    Raises:
        ProcessFailedError: The last attempt failed, or one failed before any had begun.
    """
    for left in range(retries, -1, -1):
        try:
            return attempt()
        except ProcessFailedError as error:
            if not left or not begun():
                raise
            between(error)


def wait_for_room(config: DictConfig, say: Callable[[str], None], limit_s: float = ROOM_S) -> None:
    """Wait until the cluster that a run has joined has free GPUs for it; a Ray of the run's own is new each time.

    Args:
        config: The run's config.
        say: Takes a line that says what is waited for, once a minute.
        limit_s: How long, in seconds.

    Raises:
        ProcessFailedError: The cluster did not become large enough.
    """
    if config.ray_address == "local":
        return
    nodes, each = config.trainer.nnodes, config.trainer.n_gpus_per_node
    began, said = time.monotonic(), -_SAY_S
    while (there := free_places(config.ray_address, each)) is None or there < nodes:
        waited = time.monotonic() - began
        lacks = "does not answer" if there is None else f"has room for {there} of {nodes} nodes with {each} free GPUs"
        if waited > limit_s:
            raise ProcessFailedError(f"the cluster {lacks} after {waited:.0f} s of waiting; the same command goes on")
        if waited - said >= _SAY_S:
            said = waited
            say(f"waiting for the cluster: it {lacks}")
        time.sleep(_POLL_S)


def free_places(address: str, each: int) -> int | None:
    """Return how many groups of `each` free GPUs a cluster has, each on one node; None if it does not answer.

    In a process of its own, since Ray changes the one that it joins from.
    """
    command = [sys.executable, "-c", _ASK_FREE, address]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=_ANSWER_S, check=True).stdout
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        return None
    free: list[float] = json.loads(answer.splitlines()[-1])
    return sum(int(gpus) // each for gpus in free)
