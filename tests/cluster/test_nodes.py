"""Two nodes on this machine, beside somebody else's Ray: they join, are shown, die and end, and nothing else does."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from cluster_machine import ROOT, Machine, free_port

pytestmark = pytest.mark.slow
SMALL = ("--gpus", 1, "--cpus", 1)


def processes(text: str) -> list[psutil.Process]:
    return [process for process in psutil.process_iter(["cmdline"]) if text in " ".join(process.info["cmdline"] or [])]


def wait_for(there: Callable[[], object], what: str) -> None:
    until = time.monotonic() + 120
    while not there():
        assert time.monotonic() < until, what
        time.sleep(0.2)


@pytest.fixture(scope="module")
def others(machine: Machine) -> Iterator[subprocess.Popen[bytes]]:
    """A Ray that somebody else has started on this machine."""
    folder = machine.home / "others"
    command = ("start", "--head", "--block", f"--port={free_port()}", f"--dashboard-port={free_port()}", "--num-cpus=1")
    process = subprocess.Popen(
        [sys.executable, "-m", "ray.scripts.scripts", *command, f"--temp-dir={folder}"],
        env=machine.environment(RAY_AUTH_MODE="disabled"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    wait_for((folder / "ray_current_cluster").exists, "the other Ray did not start")
    yield process
    process.terminate()
    process.wait(60)


def test_two_nodes_from_their_start_to_their_end(machine: Machine, others: subprocess.Popen[bytes]) -> None:
    port, worker = free_port(), machine.home / "w"
    # The worker waits for its head, which starts later.
    joining = subprocess.Popen(
        [sys.executable, "-m", "rm_train.cli", "cluster", "worker", f"127.0.0.1:{port}", "--temp-dir", worker,
         "--gpus", "2", "--cpus", "1"],
        env=machine.environment(RAY_AUTH_TOKEN="carried"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    head = machine.run("head", "--port", port, "--dashboard-port", free_port(), *SMALL, RAY_AUTH_TOKEN="carried")
    assert head.returncode == 0, head.stderr
    assert "RAY_AUTH_TOKEN: set RAY_AUTH_TOKEN there" in head.stdout and "carried" not in head.stdout
    said, waited = joining.communicate(timeout=240)
    assert joining.returncode == 0, waited
    assert "is the head started" in waited
    assert f"this node is a worker of the cluster at 127.0.0.1:{port}" in said

    shown = machine.run("status", "--nodes", 2, "--wait", 30, RAY_AUTH_TOKEN="carried")
    assert "nodes alive: 2, dead: 0; GPUs: 3, free: 3" in shown.stdout, shown.stderr

    [starter] = [one for one in processes(f"--temp-dir={worker}") if "start" in one.cmdline()]
    os.kill(starter.pid, signal.SIGKILL)
    wait_for(lambda: not processes(str(worker)), "Ray's processes outlive the one that started them")
    wait_for(
        lambda: "nodes alive: 1, dead: 1" in machine.run("status", RAY_AUTH_TOKEN="carried").stdout,
        "the dead node is not seen",
    )
    assert "stopped: 1" in machine.run("stop").stdout
    assert processes(f"{machine.home}/ray/") == []
    assert others.poll() is None
    assert machine.run("stop").stdout.startswith("nothing to stop")


def foreground(machine: Machine, folder: Path, *more: str, stderr: int = subprocess.STDOUT) -> subprocess.Popen[str]:
    """Start a head that stays in the foreground."""
    ports = ("--port", free_port(), "--dashboard-port", free_port())
    command = ("cluster", "head", "--block", *ports, "--temp-dir", folder, *SMALL, *more)
    return subprocess.Popen(
        [sys.executable, "-m", "rm_train.cli", *map(str, command)],
        env=machine.environment(), cwd=ROOT, stdout=subprocess.PIPE, stderr=stderr, text=True,
    )  # fmt: skip


def test_a_node_in_the_foreground_ends_with_its_command(machine: Machine) -> None:
    folder, port = machine.home / "b", free_port()
    process = foreground(machine, folder, "--", f"--node-manager-port={port}")
    wait_for(lambda: (folder / "ray_current_cluster").exists(), "the head did not start")
    wait_for(lambda: list((machine.home / ".cache").rglob("*b.json")), "the node was not noted")
    assert f"--node_manager_port={port}" in " ".join(" ".join(one.cmdline()) for one in processes(str(folder)))
    process.terminate()
    assert process.wait(60) == 128 + signal.SIGTERM
    assert processes(str(folder)) == []


def test_a_node_in_the_foreground_tells_when_ray_ends(machine: Machine) -> None:
    folder = machine.home / "c"
    process = foreground(machine, folder, stderr=subprocess.PIPE)
    wait_for(lambda: list((machine.home / ".cache").rglob("*c.json")), "the node was not noted")
    [gcs] = [one for one in processes(str(folder)) if one.name() == "gcs_server"]
    gcs.kill()
    _, told = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "Ray has ended by itself" in told
    assert processes(str(folder)) == []


def test_what_is_no_ray_head_is_told(machine: Machine) -> None:
    port = free_port()
    web = subprocess.Popen(
        [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    result = machine.run("worker", f"127.0.0.1:{port}", "--temp-dir", machine.home / "d", RAY_AUTH_TOKEN="any")
    web.terminate()
    web.wait(10)
    assert result.returncode == 1
    assert f"what answers at 127.0.0.1:{port} is no Ray head" in result.stderr
