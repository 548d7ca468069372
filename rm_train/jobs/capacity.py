"""Whether a cluster is large enough for a run, before it is submitted."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from omegaconf import DictConfig

from rm_train.jobs.client import Cluster, JobError
from rm_train.launch.checks.problem import listing
from rm_train.launch.nodes.asking import NodeTold
from rm_train.launch.nodes.room import room_problems

_NODES = "/api/v0/nodes?detail=true&limit=10000"
_POLL_S, _SAY_S = 2.0, 30.0


def check_capacity(cluster: Cluster, config: DictConfig, wait_s: float, say: Callable[[str], None]) -> None:
    """Wait until a cluster is large enough for a run, were it free.

    Args:
        cluster: The cluster.
        config: The run's config.
        wait_s: How long to wait, in seconds; 0 looks once.
        say: Takes a line that says what is waited for.

    Raises:
        JobError: It is too small, and remained so; the message says what is there and what is wanted.
    """
    began, next_word = time.monotonic(), 0.0
    while lacks := room_problems(config, nodes(cluster), []):
        waited = time.monotonic() - began
        if waited >= wait_s:
            raise JobError(f"the cluster is too small: {listing(lacks)}, or wait for it with --wait SECONDS")
        if waited >= next_word:
            next_word = waited + _SAY_S
            say(f"waiting up to {wait_s - waited:.0f} s for the cluster to grow: {listing(lacks)}")
        time.sleep(_POLL_S)


def nodes(cluster: Cluster) -> list[NodeTold]:
    """Return the nodes of a cluster that are alive, as if nobody used them: the dashboard tells what they have."""
    rows: list[dict[str, Any]] = cluster.get(_NODES)["data"]["result"]["result"]
    return [_node(row) for row in rows if row["state"] == "ALIVE"]


def _node(row: dict[str, Any]) -> NodeTold:
    has = row["resources_total"]
    return NodeTold(
        id=row["node_id"], address=row["node_ip"], alive=True, total=has, free=has,
        answer=None, silence=None, unseen={}, clock_s=0.0,
    )  # fmt: skip
