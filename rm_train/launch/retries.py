"""A training that failed midway goes on from its last checkpoint, once the cluster is large enough again.

For lost nodes and killed workers. What fails before the first step is the config's fault and would fail again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from omegaconf import DictConfig

from rm_train.launch.checks.problem import ConfigError, Problem, listing
from rm_train.launch.nodes.ask import cluster_nodes
from rm_train.launch.nodes.room import room_problems
from rm_train.launch.process import ProcessFailedError

ROOM_S = 1800.0
"""How long a cluster may take to be large enough again."""
_POLL_S, _SAY_S = 5.0, 60.0


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
    """Wait until the cluster that a run has joined has room for it; a Ray of the run's own is new each time.

    What a failed attempt still holds is not free, so this also waits until its workers have gone.

    Args:
        config: The run's config.
        say: Takes a line that says what is waited for, once a minute.
        limit_s: How long, in seconds.

    Raises:
        ConfigError: The cluster did not become large enough.
    """
    if config.ray_address == "local":
        return
    began, next_word = time.monotonic(), 0.0
    while lacks := _lacks(config):
        waited = time.monotonic() - began
        if waited > limit_s:
            raise ConfigError(f"after {waited:.0f} s of waiting: {listing(lacks)}; the same command goes on")
        if waited >= next_word:
            next_word = waited + _SAY_S
            say(f"waiting for the cluster: {listing(lacks)}")
        time.sleep(_POLL_S)


def _lacks(config: DictConfig) -> Sequence[Problem]:
    try:
        return room_problems(config, cluster_nodes(config.ray_address), [])
    except ConfigError as error:  # a head that is busy with a lost node
        return [Problem("ray_address", str(error), "start it again")]
