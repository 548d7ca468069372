"""The doctor: what it says of a machine that is fine, and of each thing that is not."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from rm_train.cli import main
from rm_train.launch import doctor
from rm_train.launch.checks.problem import Severity


def doctor_in_a_new_process(code: str, **environment: str) -> list[str]:
    """Return state, words and fix of a finding, made in a process that has imported nothing yet."""
    script = f"""
{code}
from rm_train.launch.doctor import plugin
found = plugin()
print(found.state, found.what, found.problem and found.problem.fix, sep="\\n")
"""
    import os

    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script], env={**os.environ, **environment},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.strip().splitlines()[-3:]


def test_a_machine_that_is_fine_exits_with_0_and_one_that_is_not_with_1(tmp_path: Path):
    good = CliRunner().invoke(main, ["doctor", f"runs_dir={tmp_path}", f"cache_dir={tmp_path}"])
    assert good.exit_code == 0, good.output
    assert "verl plug-in" in good.stdout and "CPU platform, engines and rollout" in good.stdout
    bad = CliRunner().invoke(main, ["doctor", "--json", "runs_dir=/proc/none", f"cache_dir={tmp_path}"])
    assert bad.exit_code == 1
    found = {finding["subject"]: finding for finding in json.loads(bad.stdout)}
    assert found["runs_dir"]["state"] == "error"
    assert found["runs_dir"]["problem"]["fix"] == "write runs_dir=… with a folder of yours"
    assert found["verl"]["what"] == "0.9.1"


def test_a_wrong_override_is_named():
    result = CliRunner().invoke(main, ["doctor", "runs_dri=x"])
    assert result.exit_code == 1
    assert "runs_dir" in result.output


def test_a_plug_in_that_fails_shows_why():
    broken = "import sys; sys.modules['rm_train.cpu.rollout_registry'] = None"
    state, what, fix = doctor_in_a_new_process(broken, VERL_PLATFORM="cpu")
    assert state == "error"
    assert "rollout_registry" in what and fix == "repair what the message names"


@pytest.mark.parametrize(("policy", "state"), [("none", "error"), ("other", "error"), ("other, rm_train_cpu", "ok")])
def test_a_plug_in_that_a_variable_leaves_out_is_named(policy: str, state: str):
    found, what, fix = doctor_in_a_new_process("", VERL_USE_EXTERNAL_PLUGINS=policy)
    assert found == state
    if state == "error":
        assert what == f"VERL_USE_EXTERNAL_PLUGINS={policy} leaves it out"
        assert fix == "unset it, or add rm_train_cpu"


def test_a_plug_in_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(doctor, "entry_points", lambda group: [])
    found = doctor.plugin()
    assert found.state == "error" and "is not installed" in found.what


def test_an_interpreter_that_was_not_tested_is_a_warning(monkeypatch: pytest.MonkeyPatch):
    assert doctor.python_version().state == "ok"
    monkeypatch.setattr(sys, "version_info", (3, 13, 0))
    assert doctor.python_version().state == "warning"


def test_a_hub_that_does_not_answer_is_a_warning_with_the_way_out(monkeypatch: pytest.MonkeyPatch):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{closed.getsockname()[1]}"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", address)
    found = doctor.hub()
    assert found.problem is not None and found.problem.severity is Severity.WARNING
    assert address in found.what and "HF_HUB_OFFLINE=1" in found.problem.fix
    with socket.create_server(("127.0.0.1", 0)) as listener:
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", f"http://127.0.0.1:{listener.getsockname()[1]}")
        assert doctor.hub().state == "ok"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert "offline" in doctor.hub().what


def test_little_room_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    assert doctor.disk("cache_dir", tmp_path / "not" / "yet").state == "ok"
    monkeypatch.setitem(doctor._ENOUGH_GIB, "disk", 1e9)
    found = doctor.disk("cache_dir", tmp_path)
    assert found.problem is not None and "write cache_dir=… on a larger disk" in found.problem.fix


def test_processes_of_a_run_are_counted():
    import os

    environment = {**os.environ, "RM_TRAIN_PROCESS": "x"}
    with subprocess.Popen([sys.executable, "-c", "input()"], env=environment, stdin=subprocess.PIPE) as process:
        assert "1 processes of runs" in doctor.leftovers().what
        process.kill()
    assert doctor.leftovers().what == "no process of a run"


def test_ray_is_started_and_ended():
    import ray

    found = doctor.ray_cluster()
    assert found.state == "ok" and "ran a task" in found.what
    assert not ray.is_initialized()
