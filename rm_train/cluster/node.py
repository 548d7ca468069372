"""The Ray nodes that were started on this machine by us: what is noted of them, and how they end."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import quote

import psutil

_END_S = 60.0
"""How long a node may take to end by itself; Ray lets a busy one drain for 30 s."""


class NodeError(Exception):
    """A node could not be started or ended; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Node:
    """A Ray node on this machine.

    Attributes:
        role: `head` or `worker`.
        address: HOST:PORT of the cluster's head.
        temp_dir: Ray's folder for its sockets, logs and spilled objects.
        pid: The process whose end is the end of the node; it leads a process group.
        started: When that process began, in seconds since the epoch; tells it from a later one with its number.
    """

    role: str
    address: str
    temp_dir: str
    pid: int
    started: float

    def alive(self) -> bool:
        """Return whether the node's process runs."""
        try:
            process = psutil.Process(self.pid)
            return bool(process.create_time() == self.started and process.status() != psutil.STATUS_ZOMBIE)
        except psutil.NoSuchProcess:
            return False

    def note(self) -> None:
        """Keep for later commands that this node runs."""
        noted_path(self.temp_dir).write_text(json.dumps(asdict(self)), encoding="utf-8")

    def stop(self) -> None:
        """End the node: Ray's processes on this machine that belong to it, and no others."""
        if self.alive():
            os.kill(self.pid, signal.SIGTERM)
            if not self._ends_within(_END_S):
                os.killpg(self.pid, signal.SIGKILL)
                self._ends_within(_END_S)
        noted_path(self.temp_dir).unlink(missing_ok=True)

    def _ends_within(self, limit_s: float) -> bool:
        until = time.monotonic() + limit_s
        while self.alive():
            if time.monotonic() > until:
                return False
            time.sleep(0.1)
        return True


def noted_path(temp_dir: str) -> Path:
    """Return the file that says which node uses a folder of Ray's. Homes may be shared, so hosts are kept apart."""
    cache = os.environ.get("RM_TRAIN_CACHE")
    folder = (Path(cache) if cache else Path.home() / ".cache" / "rm-train") / "ray" / socket.gethostname()
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{quote(temp_dir, safe='')}.json"


def running_nodes(temp_dir: str | None = None) -> list[Node]:
    """Return the nodes that were started here and still run, heads first.

    Args:
        temp_dir: Only the one that uses this folder of Ray's.
    """
    folder = noted_path("any").parent
    noted = [Node(**json.loads(path.read_text(encoding="utf-8"))) for path in sorted(folder.glob("*.json"))]
    alive = [node for node in noted if node.alive() and temp_dir in (None, node.temp_dir)]
    return sorted(alive, key=lambda node: node.role)
