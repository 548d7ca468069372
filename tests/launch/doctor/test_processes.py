"""What the doctor says of Ray and of processes that runs have left."""

import os
import socket
import subprocess
import sys
from contextlib import contextmanager

import pytest

from rm_train.launch.config import compose_config
from rm_train.launch.doctor.processes import leftovers, ray_address_answers, ray_cluster
from rm_train.launch.process import MARK
from rm_train.launch.run_folder import RunFolder


@contextmanager
def process_of(run):
    environment = {**os.environ, MARK: str(run.log("train"))}
    process = subprocess.Popen([sys.executable, "-c", "input()"], env=environment, stdin=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def findings_of(run):
    return [finding for finding in leftovers() if str(run.path) in finding.what]


def test_a_process_of_a_run_is_left_over_once_nobody_holds_its_folder(tmp_path):
    run = RunFolder(tmp_path / "run")
    with process_of(run) as process:
        with run.lock():
            (under_way,) = findings_of(run)
        (left,) = findings_of(run)
    assert under_way.state == "ok" and under_way.what.endswith("1, which is under way")
    assert left.state == "warning" and left.what.endswith("1, though the run has ended")
    assert left.fix == f"start it again, which ends them, or: kill {process.pid}"
    assert findings_of(run) == []


def test_a_run_whose_folder_is_gone_has_left_its_processes(tmp_path):
    run = RunFolder(tmp_path / "gone")
    with process_of(run):
        (left,) = findings_of(run)
    assert left.state == "warning" and not run.path.exists()


def test_an_address_that_answers_is_fine_and_one_that_does_not_is_an_error(monkeypatch):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    (local,) = ray_address_answers([], compose_config("pointwise", ["ray=local"]))
    assert (local.state, local.what) == ("ok", "is started with each run")
    overrides = ["ray=existing"]
    config = compose_config("pointwise", overrides)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{listener.getsockname()[1]}")
        (there,) = ray_address_answers(overrides, config)
    assert there.state == "ok" and there.what.endswith("answers (RAY_ADDRESS)")
    (silent,) = ray_address_answers(overrides, config)
    assert silent.state == "error" and silent.what.startswith("nothing answers at 127.0.0.1")
    assert silent.fix and "start Ray there" in silent.fix


def test_ray_is_started_and_ended():
    ray = pytest.importorskip("ray")
    finding = ray_cluster()
    assert finding.state == "ok" and "ran a task in process" in finding.what
    assert not ray.is_initialized()


def test_ray_that_cannot_start_is_an_error(monkeypatch):
    pytest.importorskip("ray")
    monkeypatch.setenv("RAY_TMPDIR", "/proc")
    finding = ray_cluster()
    assert finding.state == "error" and finding.what.startswith("cannot run a task: ")
    assert finding.fix and "logs" in finding.fix
