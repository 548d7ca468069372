"""Starts a Ray node on this machine and waits until it is one."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from rm_train.cluster.head import PORT, wait_for_head
from rm_train.cluster.node import Node, NodeError, noted_path, running_nodes
from rm_train.cluster.refusal import hopeless, refusal

_START_S = 180.0
"""How long Ray may take to start; a minute on a busy machine is usual."""
_LONGEST = 107 - len("/session_2026-01-01_00-00-00_000000_4194304/sockets/plasma_store")
"""Of a temporary folder's name: sockets lie in it, and Linux takes no longer names for them."""
_AGENT_PORT = 52365
"""Where the agent of a node takes jobs; with another Ray's agent there, it would take none."""
_RUNS = "will now block forever"
"""What `ray start --block` says last."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a node is to offer.

    Attributes:
        gpus: GPUs, or on a machine without any tickets, of which verl's workers take one each; None for what Ray finds.
        cpus: CPUs that Ray hands out; None for what Ray finds.
        temp_dir: Ray's folder for sockets, logs and spilled objects, on a disk of this machine.
        more: Further options of `ray start`.
    """

    gpus: int | None = None
    cpus: int | None = None
    temp_dir: Path | None = None
    more: tuple[str, ...] = ()

    def folder(self) -> str:
        """Return the temporary folder, Ray's own where none was chosen.

        Raises:
            NodeError: Its name is too long.
        """
        own = Path(os.environ.get("RAY_TMPDIR") or os.environ.get("TMPDIR") or "/tmp") / "ray"
        folder = str((self.temp_dir or own).absolute())
        if len(folder) > _LONGEST:
            raise NodeError(f"--temp-dir: {folder} is too long for Ray's sockets: {_LONGEST} characters at most")
        return folder


def start_head(wanted: Wanted, port: int, dashboard_host: str, dashboard_port: int) -> Node:
    """Start the head of a new cluster, its dashboard with it.

    Raises:
        NodeError: A node runs here already, a port is in use, or Ray does not start.
    """
    _none_runs(wanted.folder())
    for option, one in (("--port", port), ("--dashboard-port", dashboard_port)):
        if not _free(one):
            raise NodeError(f"{option}: port {one} is in use on this node; choose another, or stop what listens there")
    dashboard = (f"--dashboard-host={dashboard_host}", f"--dashboard-port={dashboard_port}")
    return _start("head", f"this node:{port}", wanted, ("--head", f"--port={port}", *dashboard))


def start_worker(wanted: Wanted, head: str, wait_s: float, tell: Callable[[str], None]) -> Node:
    """Join the cluster of a head, which may still be starting.

    Args:
        wanted: What this node offers.
        head: HOST, or HOST:PORT.
        wait_s: How long the head may take to answer.
        tell: Takes a line that says what is waited for.

    Raises:
        NodeError: A node runs here already, the head does not answer, or it does not take this node.
    """
    _none_runs(wanted.folder())
    address = head if ":" in head else f"{head}:{PORT}"
    wait_for_head(address, wait_s, tell)
    return _start("worker", address, wanted, (f"--address={address}",))


def hold(node: Node) -> None:
    """Stay until the node ends, or until this process is told to end (SIGTERM, Ctrl-C), and end the node then.

    Raises:
        NodeError: The node has ended by itself.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        while node.alive():
            time.sleep(0.5)
        log = _log_path(node.temp_dir)
        raise NodeError(
            f"Ray has ended by itself: {refusal(log.read_text(errors='replace'), node.address)}; log: {log}"
        )
    finally:
        node.stop()


def _none_runs(temp_dir: str) -> None:
    for node in running_nodes(temp_dir):
        raise NodeError(
            f"a Ray {node.role} runs here already in {temp_dir}, of the cluster {node.address}; stop it first, or give "
            "this one its own --temp-dir"
        )


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError:
            return False
    return True


def _any_port() -> int:
    with socket.socket() as probe:
        probe.bind(("", 0))
        port: int = probe.getsockname()[1]
    return port


def _start(role: str, address: str, wanted: Wanted, arguments: tuple[str, ...]) -> Node:
    temp_dir = wanted.folder()
    counts = [
        f"--num-{name}={count}" for name, count in (("gpus", wanted.gpus), ("cpus", wanted.cpus)) if count is not None
    ]
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--log-color=false"]
    agent = [] if _free(_AGENT_PORT) else [f"--dashboard-agent-listen-port={_any_port()}"]
    command += [f"--temp-dir={temp_dir}", *arguments, *counts, *agent, *wanted.more]
    log = _log_path(temp_dir)
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True, env=_environment()
        )
    try:
        _wait_until_runs(process, log, address)
        if role == "head" and (printed := re.search(r"--address='([^']+)'", log.read_text())):
            address = printed[1]
        node = Node(role, address, temp_dir, process.pid, psutil.Process(process.pid).create_time())
        node.note()
    except BaseException:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        raise
    return node


def _wait_until_runs(process: subprocess.Popen[bytes], log: Path, address: str) -> None:
    until = time.monotonic() + _START_S
    while _RUNS not in (said := log.read_text(errors="replace")):
        if process.poll() is not None or hopeless(said):
            raise NodeError(f"Ray did not start: {refusal(log.read_text(errors='replace'), address)}; log: {log}")
        if time.monotonic() > until:
            raise NodeError(f"Ray did not start in {_START_S:g} s: {refusal(said, address)}; log: {log}")
        time.sleep(0.1)


def _environment() -> dict[str, str]:
    """Return what Ray is started with; its workers, and so every job, inherit it.

    Jobs run the `python` that is found first on the path, which has to be this one.
    """
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    return {"RAY_AUTH_MODE": "token", "RAY_USAGE_STATS_ENABLED": "0", **os.environ, "PATH": path}


def _log_path(temp_dir: str) -> Path:
    return noted_path(temp_dir).with_suffix(".log")
