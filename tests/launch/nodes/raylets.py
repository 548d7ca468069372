"""Raylets of `ray start`, each a node of one cluster: in environments of their own, on addresses of their own."""

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil

ODD, BARE = "127.0.0.2", "127.0.0.3"
"""The addresses of two nodes."""

HIDING = "mkdir -p {0} && mount -t tmpfs none {0} && exec {1}"
"""A shell's line that gives a command an empty folder where others have theirs."""


def can_hide() -> bool:
    """Return whether a process here can have file systems of its own."""
    done = subprocess.run([*unshare(), "true"], capture_output=True) if shutil.which("unshare") else None
    return done is not None and done.returncode == 0


def unshare() -> list[str]:
    return ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--mount", "--map-root-user"]


class Raylets:
    """A cluster whose nodes are processes of this machine."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._started: list[subprocess.Popen] = []
        with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
            self.address, self.for_clients = (f"127.0.0.1:{server.getsockname()[1]}" for server in (one, other))

    def head(self, *options: str, **variables: str) -> subprocess.Popen:
        port, clients = (address.partition(":")[2] for address in (self.address, self.for_clients))
        where = ["--node-ip-address=127.0.0.1", f"--temp-dir={self._folder}", "--include-dashboard=false"]
        ports = [f"--port={port}", f"--ray-client-server-port={clients}"]
        return self._start(["--head", *ports, *where, *options], variables)

    def node(self, ip: str, *options: str, hidden: Path | None = None, **variables: str) -> subprocess.Popen:
        return self._start([f"--address={self.address}", f"--node-ip-address={ip}", *options], variables, hidden)

    def _start(self, options: list[str], variables: dict[str, str], hidden: Path | None = None) -> subprocess.Popen:
        start = [str(Path(sys.executable).with_name("ray")), "start", "--block", "--disable-usage-stats"]
        command = [*start, "--object-store-memory=80000000", *options]
        if hidden:
            command = [*unshare(), "sh", "-c", HIDING.format(hidden, '"$@"'), "sh", *command]
        log = self._folder.with_name(f"start{len(self._started)}.log")
        environment = {**os.environ, "RAY_AUTH_MODE": "token", "RAY_enable_worker_prestart": "0", **variables}
        with log.open("wb") as file:
            process = subprocess.Popen(
                command, stdout=file, stderr=subprocess.STDOUT, env=environment, start_new_session=True
            )
        self._started.append(process)
        until = time.monotonic() + 120
        while "Ray runtime started" not in log.read_text():
            assert process.poll() is None and time.monotonic() < until, log.read_text()
            time.sleep(0.1)
        return process

    def end(self) -> None:
        """End all of them; the head's processes are asked last."""
        for process in reversed(self._started):
            kill(process)


def kill(process: subprocess.Popen) -> None:
    """Kill a node at once, with all of its processes."""
    if process.poll() is None:
        family = psutil.Process(process.pid).children(recursive=True)
        for one in family:
            one.kill()
        process.kill()
        psutil.wait_procs(family, timeout=20)
    process.wait(20)
