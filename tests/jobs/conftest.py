"""A small cluster with a dashboard and a token, and the command line as a user has it beside that cluster."""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "cluster"))

from cluster_machine import Machine, free_port
from jobs_cluster import SECRET, JobsCluster


@pytest.fixture(scope="package")
def cluster() -> Iterator[JobsCluster]:
    home = Path(tempfile.mkdtemp(prefix="rmj-", dir="/tmp"))
    machine, dashboard = Machine(home), free_port()
    cluster = JobsCluster(machine, f"http://127.0.0.1:{dashboard}")
    sizes = ("--cpus", 12, "--gpus", 1)
    ports = ("--port", free_port(), "--dashboard-port", dashboard)
    started = machine.run("head", *ports, *sizes, **SECRET, **cluster.path)
    assert started.returncode == 0, started.stderr
    yield cluster
    cluster.nothing_runs()
    stopped = machine.run("stop")
    shutil.rmtree(home, ignore_errors=True)
    assert stopped.returncode == 0, stopped.stderr
