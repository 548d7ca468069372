"""A training that failed midway goes on from its last checkpoint, once the cluster is large enough again.

For lost nodes and killed workers. What fails before the first step is the config's fault and would fail again.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from omegaconf import DictConfig

from rm_train.launch.checks.problem import ConfigError, listing
from rm_train.launch.nodes.ask import cluster_nodes
from rm_train.launch.nodes.room import room_problems
from rm_train.launch.process import ProcessFailedError
from rm_train.storage.errors import StorageError

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


def check_room(config: DictConfig) -> None:
    """Check that the cluster that a run has joined has room for it; a Ray of the run's own is new each time.

    What a failed attempt still holds is not free: there is room when its workers have gone.

    Raises:
        ConfigError: There is not, or the cluster does not answer.
    """
    if config.ray_address != "local":
        lacks = room_problems(config, cluster_nodes(config.ray_address), [])
        if lacks:
            raise ConfigError(listing(lacks))


def patiently(action: Callable[[], None], say: Callable[[str], None], limit_s: float = ROOM_S) -> None:
    """Do what a cluster may not allow yet: it takes a while to miss a node, and to know a new one.

    Args:
        action: What to do; it is done again until it raises no ConfigError or StorageError.
        say: Takes a line that says what is waited for, once a minute.
        limit_s: How long to go on trying, in seconds.

    Raises:
        ConfigError: It was never possible.
    """
    began, next_word = time.monotonic(), 0.0
    while True:
        try:
            return action()
        except (ConfigError, StorageError) as error:
            waited = time.monotonic() - began
            if waited > limit_s:
                raise ConfigError(f"after {waited:.0f} s of waiting: {error}; the same command goes on") from error
            if waited >= next_word:
                next_word = waited + _SAY_S
                say(f"waiting for the cluster: {error}")
        time.sleep(_POLL_S)
