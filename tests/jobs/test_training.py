"""A real run as a job: stopped and gone on with, and by itself after a worker was killed."""

import os
import re
import signal
import time
from pathlib import Path

import pytest
from jobs_cluster import JobsCluster

pytestmark = pytest.mark.slow

SMALL = (
    *("max_train_rows=64", "max_val_rows=16", "val_rows=16", "data.train_batch_size=8", "preflight_rows=0"),
    *("trainer.test_freq=100", "trainer.save_freq=1"),
)


def submit(cluster: JobsCluster, name: str, steps: int, *more: str) -> None:
    cache = f"cache_dir={cluster.machine.home / 'cache'}"
    done = cluster.run("submit", cluster.runs, cache, *SMALL, f"steps={steps}", "--name", name, *more)
    assert done.returncode == 0, done.stderr


def wait_for_step(cluster: JobsCluster, job: str, step: int) -> Path:
    """Wait until a job has done a step; its run folder."""
    while f"\nstep {step}/" not in (log := cluster.run("jobs", "logs", job).stdout):
        assert cluster.ask(f"/api/jobs/{job}")["status"] in ("PENDING", "RUNNING"), log
        time.sleep(1)
    found = re.search("^run folder: (.+)$", log, re.MULTILINE)
    assert found is not None
    return Path(found.group(1))


def test_a_stopped_run_saves_its_step_and_another_job_goes_on(cluster: JobsCluster) -> None:
    submit(cluster, "stopped", 30)
    wait_for_step(cluster, "stopped", 1)
    assert cluster.run("jobs", "stop", "stopped").stdout == "stopped: STOPPED\n"
    log = cluster.run("jobs", "logs", "stopped").stdout
    assert log.endswith("stopped; the same command goes on from the last checkpoint\n")
    last = int(re.findall(r"^step (\d+)/30", log, re.MULTILINE)[-1])
    assert last < 30
    assert f"step {last} of 30" in cluster.run("jobs", "status", "stopped").stdout
    resumed = cluster.run("jobs", "resume", "stopped", "--follow")
    assert resumed.returncode == 0, resumed.stdout
    assert f"training from step {last}" in resumed.stdout and "stopped-2: SUCCEEDED" in resumed.stderr


def test_a_run_whose_worker_was_killed_goes_on_by_itself(cluster: JobsCluster) -> None:
    submit(cluster, "killed", 6, "--retries", "2", "seed=1")
    folder = wait_for_step(cluster, "killed", 2)
    found = re.search(r"\(WorkerDict pid=(\d+)\)", (folder / "logs" / "train.log").read_text())
    assert found is not None
    os.kill(int(found.group(1)), signal.SIGKILL)
    done = cluster.run("jobs", "logs", "--follow", "killed")
    assert done.returncode == 0, done.stdout
    assert "the training failed, and goes on from step" in done.stdout and "\nstep 6/6 · " in done.stdout
    assert "gone on with by itself 1 times" in cluster.run("jobs", "status", "killed").stdout
    assert '"failures": [' in (folder / "run.json").read_text()
