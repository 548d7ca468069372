"""What grows with nodes: a process opens the rule actors of several, and looks for new ones until it has enough.

Several nodes of Ray's are started on this machine, each with its rule actor, and processes open them all. What it costs
Ray's GCS, which is there once, and each process, is counted for each pair of a process and a node.
"""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil
import ray
from common import CONSOLE, machine

from reward_fn.hosting.rules import RulePoolSettings, attach_rules
from reward_fn.workers.pool import pool
from reward_fn.workers.times import result_of

PROCESSES = 16
LOOKS = 1000
LOOK_S = 10.0
"""Seconds after which a process that has work looks over the nodes again."""


@dataclass(frozen=True)
class Nodes:
    """What was measured.

    Attributes:
        nodes: Nodes of Ray's.
        processes: Processes that opened them.
        opened_s: Seconds until all were open everywhere.
        gcs_pair_ms: CPU of the GCS for each pair of a process and a node.
        process_node_ms: CPU of a process for each node that it opens.
        process_node_mb: Its memory for each node.
        gcs_look_ms: CPU of the GCS for looking over the nodes once, for each of them.
        machine: What the machine did before.
    """

    nodes: int
    processes: int
    opened_s: float
    gcs_pair_ms: float
    process_node_ms: float
    process_node_mb: float
    gcs_look_ms: float
    machine: dict[str, object] = field(default_factory=dict)

    @property
    def told(self) -> str:
        """What it was measured with."""
        return f"{self.processes} processes and {self.nodes} nodes, all open after {self.opened_s:.1f} s"

    def at(self, nodes: int, processes: int, known: float) -> dict[str, float]:
        """Return what a cluster takes, of which each process knows so many nodes at most."""
        pairs = processes * min(nodes, known)
        looks = processes / LOOK_S if nodes < known else 0.0
        return {
            "pairs": pairs,
            "CPU s of the GCS, once": (pairs * self.gcs_pair_ms + processes * nodes * self.gcs_look_ms) / 1e3,
            "% of the GCS, always": looks * nodes * self.gcs_look_ms / 10,
            "CPU s of a process, once": pairs / processes * self.process_node_ms / 1e3,
            "MB of a process": pairs / processes * self.process_node_mb,
        }


class RuleUser:
    """A process that has rules worked out in the cluster."""

    async def process(self) -> int:
        """Return its id."""
        return os.getpid()

    async def open(self, nodes: int) -> None:
        """Begin, and wait until the workers of all nodes are known."""
        attach_rules(RulePoolSettings(workers=1))
        while pool().size < nodes:
            await result_of(pool().submit(os.getpid, timeout_s=60.0))
            await asyncio.sleep(0.05)

    async def look(self, times: int) -> None:
        """Look over the nodes so often."""
        for _ in range(times):
            ray.nodes()


def on_nodes(count: int) -> Nodes:
    """Start so many nodes, and measure."""
    from ray.cluster_utils import Cluster

    before = machine()
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "include_dashboard": False})
    try:
        with CONSOLE.status(f"{count} nodes of Ray"):
            for _ in range(count - 1):
                cluster.add_node(num_cpus=1)
            here = {"env_vars": {"PYTHONPATH": str(Path(__file__).parent)}}
            ray.init(cluster.address, log_to_driver=False, runtime_env=here)
            return _measured(count, before)
    finally:
        ray.shutdown()
        cluster.shutdown()


def _measured(count: int, before: dict[str, object]) -> Nodes:
    gcs = next(one for one in psutil.Process().children(recursive=True) if one.name() == "gcs_server")
    first, *others = users = [ray.remote(num_cpus=0)(RuleUser).remote() for _ in range(PROCESSES + 1)]
    processes = [psutil.Process(pid) for pid in ray.get([one.process.remote() for one in users])]
    ray.get(first.open.remote(count))  # makes the actors
    memory, used, of_gcs, start = _memory(processes[1:]), _cpu(processes[1:]), _cpu([gcs]), time.monotonic()
    ray.get([one.open.remote(count) for one in others])
    opened_s, opened = time.monotonic() - start, count * PROCESSES
    of_gcs, used, memory = _cpu([gcs]) - of_gcs, _cpu(processes[1:]) - used, _memory(processes[1:]) - memory
    looked = _cpu([gcs])
    ray.get(first.look.remote(LOOKS))
    looked = _cpu([gcs]) - looked
    return Nodes(
        count, PROCESSES, opened_s, of_gcs / opened * 1e3, used / opened * 1e3, memory / opened,
        looked / LOOKS / count * 1e3, before,
    )  # fmt: skip


def _cpu(processes: list[psutil.Process]) -> float:
    return float(np.sum([sum(one.cpu_times()[:2]) for one in processes]))


def _memory(processes: list[psutil.Process]) -> float:
    return float(np.sum([one.memory_full_info().uss for one in processes])) / 2**20
