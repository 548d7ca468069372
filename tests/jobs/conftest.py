"""A small cluster with a dashboard and a token, and the command line as a user has it beside that cluster."""

import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "cluster"))

from cluster_machine import Machine, free_port
from jobs_cluster import SECRET, JobsCluster


@pytest.fixture(scope="module")
def cluster() -> Iterator[JobsCluster]:
    home = Path(tempfile.mkdtemp(prefix="rmj-", dir="/tmp"))
    machine, dashboard = Machine(home), free_port()
    machine.token.parent.mkdir()
    machine.token.write_text(secrets.token_hex(32))
    cluster = JobsCluster(machine, f"http://127.0.0.1:{dashboard}")
    # Ports of its own, also for the agent that takes jobs: other clusters may run on this machine.
    ports = {"port": free_port(), "dashboard-port": dashboard, "dashboard-agent-listen-port": free_port()}
    sizes = {"num-cpus": 12, "num-gpus": 1, "object-store-memory": 200_000_000, "temp-dir": home / "ray"}
    options = [f"--{name}={value}" for name, value in (ports | sizes).items()]
    environment = machine.environment(RAY_AUTH_MODE="token", RAY_USAGE_STATS_ENABLED="0", **SECRET, **cluster.path)
    with (home / "head.log").open("w") as log:
        command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", *options]
        head = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    cluster.wait_until_up(head)
    yield cluster
    cluster.nothing_runs()
    head.terminate()
    head.wait(120)
    shutil.rmtree(home, ignore_errors=True)
