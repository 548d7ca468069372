"""What a cluster consists of: its nodes, what they offer, which have died and why."""

from __future__ import annotations

import os
import platform
import time
from typing import Any

from rich.console import Console
from rich.table import Table

from rm_train.cluster.head import wait_for_head
from rm_train.cluster.node import NodeError, running_nodes
from rm_train.launch.nodes.connect import connected

_GIB = 2**30


def show_cluster(console: Console, address: str, nodes: int, wait_s: float) -> None:
    """Show a cluster.

    Args:
        console: Where to.
        address: HOST:PORT; `auto` for RAY_ADDRESS, or that of the node which was started here, or what Ray finds.
        nodes: So many must be alive.
        wait_s: How long they, and the head, are waited for.

    Raises:
        ClusterError: There is no such cluster, or it cannot be joined.
        NodeError: There are fewer nodes.
    """
    own = running_nodes()
    if address == "auto" and own and not os.environ.get("RAY_ADDRESS"):
        address = own[0].address
    if address != "auto" and wait_s:
        wait_for_head(address, wait_s, console.print)
    with connected(address):
        import ray

        until = time.monotonic() + wait_s
        while len(_alive(found := ray.nodes())) < nodes and time.monotonic() < until:
            time.sleep(1)
        alive = _alive(found)
        free = ray.available_resources().get("GPU", 0)
        head = ray.get_runtime_context().gcs_address
        console.print(
            f"Ray {ray.__version__}, Python {platform.python_version()}, head at {head}: "
            f"nodes alive: {len(alive)}, dead: {len(found) - len(alive)}; "
            f"GPUs: {sum(_count(node, 'GPU') for node in alive):g}, free: {free:g}"
        )
        console.print(_table(found))
    if len(alive) < nodes:
        raise NodeError(
            f"--nodes: {nodes} are wanted, and {len(alive)} alive; start the others, or see what they have printed"
        )


def _alive(nodes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [node for node in nodes if node["Alive"]]


def _count(node: dict[str, Any], resource: str) -> float:
    return float(node["Resources"].get(resource, 0))


def _table(nodes: list[dict[str, Any]]) -> Table:
    table = Table("host", "address", "role", "state", box=None, pad_edge=False)
    for name in ("GPUs", "CPUs", "memory"):
        table.add_column(name, justify="right")
    for node in sorted(nodes, key=lambda node: (not node["Alive"], node["NodeManagerAddress"])):
        role = "head" if "node:__internal_head__" in node["Resources"] else "worker"
        if node["Alive"]:
            counts = f"{_count(node, 'GPU'):g}", f"{_count(node, 'CPU'):g}", f"{_count(node, 'memory') / _GIB:.0f} GiB"
            table.add_row(node["NodeManagerHostname"], node["NodeManagerAddress"], role, "alive", *counts)
        else:
            why = f"dead: {node['DeathReasonMessage'] or 'it gave no reason'}"
            table.add_row(node["NodeManagerHostname"], node["NodeManagerAddress"], "", why, "", "", "")
    return table
