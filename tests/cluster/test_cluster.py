"""A head runs, and who cannot join it is told why; nobody is shown its token."""

import os
import stat
from dataclasses import dataclass

import pytest
from click.testing import CliRunner
from cluster_machine import Machine, free_port

from rm_train.cli import main
from rm_train.cluster import Node
from rm_train.cluster.refusal import refusal

SMALL = ("--gpus", 1, "--cpus", 1)


@dataclass(frozen=True)
class Head:
    address: str
    dashboard: int
    said: str


@pytest.fixture(scope="module")
def head(machine: Machine) -> Head:
    port, dashboard = free_port(), free_port()
    result = machine.run("head", "--port", port, "--dashboard-port", dashboard, *SMALL)
    assert result.returncode == 0, result.stderr
    return Head(f"127.0.0.1:{port}", dashboard, result.stdout + result.stderr)


def test_the_head_makes_a_token_for_its_user_alone_and_shows_it_to_nobody(machine: Machine, head: Head) -> None:
    token = machine.token.read_text()
    assert len(token) == 64
    assert stat.S_IMODE(machine.token.stat().st_mode) == 0o600
    assert f"{machine.token} (made now)" in head.said
    assert token not in head.said
    assert machine.says(token) == [machine.token]


def test_the_head_says_how_to_go_on(head: Head) -> None:
    port = head.address.split(":")[1]
    assert f":{port}\n" in head.said and "worker" in head.said
    assert f"dashboard http://127.0.0.1:{head.dashboard}" in head.said
    assert "rm-train train ray=existing ray_address=" in head.said


def joining(machine: Machine, head: Head, **environment: str) -> str:
    """What a worker is told that cannot join."""
    folder = machine.home / "w"
    result = machine.run("worker", head.address, "--temp-dir", folder, *SMALL, **environment)
    assert result.returncode == 1, result.stdout
    assert "Traceback" not in result.stderr
    assert machine.token.read_text() not in result.stdout + result.stderr
    return result.stderr


def test_a_worker_without_a_token_is_told_where_to_get_it(machine: Machine, head: Head) -> None:
    said = joining(machine, head, HOME=str(machine.home / "other"))
    assert "no token" in said and "other/.ray/auth_token (chmod 600)" in said and "RAY_AUTH_TOKEN" in said


@pytest.mark.parametrize("wrong", [{"RAY_AUTH_TOKEN": "another"}, {"RAY_AUTH_MODE": "disabled"}])
def test_a_worker_with_the_wrong_token_is_told_so(machine: Machine, head: Head, wrong: dict[str, str]) -> None:
    assert f"the head at {head.address} does not take this node's token" in joining(machine, head, **wrong)


def test_other_versions_are_both_named(machine: Machine, head: Head) -> None:
    import ray

    other = machine.home / "other_version"
    other.mkdir()
    (other / "sitecustomize.py").write_text("import ray\nray.__version__ = '2.0.0'\n")
    environment = machine.environment()
    said = joining(machine, head, PYTHONPATH=f"{other}{os.pathsep}{environment['PYTHONPATH']}")
    assert f"runs Ray {ray.__version__} on Python" in said and "this node has Ray 2.0.0 on Python" in said


def test_a_folder_serves_one_node(machine: Machine, head: Head) -> None:
    result = machine.run("worker", head.address)
    assert result.returncode == 1
    assert f"a Ray head runs here already in {machine.home / 'ray'}" in result.stderr


def test_a_port_in_use_is_named(machine: Machine, head: Head) -> None:
    port = head.address.split(":")[1]
    folder = ("--temp-dir", machine.home / "h")
    result = machine.run("head", "--port", port, "--dashboard-port", free_port(), *folder)
    assert (result.returncode, f"--port: port {port} is in use" in result.stderr) == (1, True)
    result = machine.run("head", "--port", free_port(), "--dashboard-port", head.dashboard, *folder)
    assert (result.returncode, f"--dashboard-port: port {head.dashboard} is in use" in result.stderr) == (1, True)


def test_status_shows_the_cluster_and_misses_nodes(machine: Machine, head: Head) -> None:
    import ray

    result = machine.run("status", "--nodes", 2)
    assert f"Ray {ray.__version__}, Python 3." in result.stdout
    assert "nodes alive: 1, dead: 0; GPUs: 1, free: 1" in result.stdout
    assert result.returncode == 1
    assert "--nodes: 2 are wanted, and 1 alive" in result.stderr


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("no-such-host.invalid", "no host is known here by the name no-such-host.invalid"),
        ("127.0.0.1:1", "Connection refused"),
        ("127.0.0.1:66666", "127.0.0.1:66666 is no address"),
        ("host:port", "host:port is no address; write HOST or HOST:PORT"),
        (":6379", ":6379 is no address"),
    ],
)
def test_a_wrong_head_is_told(machine: Machine, address: str, told: str) -> None:
    result = machine.run("worker", address, "--wait", 1, "--temp-dir", machine.home / "w", RAY_AUTH_TOKEN="any")
    assert result.returncode == 1
    assert told in result.stderr and "Traceback" not in result.stderr


def test_there_is_no_status_of_no_cluster(machine: Machine) -> None:
    result = machine.run("status", "--address", f"127.0.0.1:{free_port()}")
    assert result.returncode == 1
    assert "nothing answers" in result.stderr


def test_a_long_folder_is_refused_before_ray_fails_on_it(machine: Machine) -> None:
    result = machine.run("head", "--temp-dir", machine.home / ("long" * 20))
    assert result.returncode == 1
    assert "too long for Ray's sockets" in result.stderr


def test_an_empty_token_is_refused(machine: Machine) -> None:
    empty = machine.home / "empty"
    empty.touch()
    result = machine.run("head", "--temp-dir", machine.home / "h", RAY_AUTH_TOKEN_PATH=str(empty))
    assert (result.returncode, f"{empty}: the token's file is empty" in result.stderr) == (1, True)


def test_a_process_that_only_has_the_number_of_a_node_is_left_alone(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("RM_TRAIN_CACHE", str(tmp_path))
    node = Node("head", "10.0.0.1:6379", "/tmp/ray", os.getpid(), started=1.0)
    node.note()
    assert not node.alive()
    node.stop()  # which would end this very process
    said = CliRunner().invoke(main, ["cluster", "stop"]).output
    assert said == "nothing to stop: no node that was started here runs\n"


def test_ray_s_own_reasons_are_told_in_a_line() -> None:
    assert "no Ray head" in refusal("x gcs_client.cc:210: TimedOut: Timed out while waiting for GCS to become", "h:1")
    assert "too busy" in refusal("Exception: The current node timed out during startup. This could happen", "h:1")
    assert refusal("Traceback\n  File\nValueError: no space left\n\n", "h:1") == "ValueError: no space left"
    assert refusal("", "h:1") == "it said nothing"


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ((), ("worker HEAD_HOST", "auth_token", "RAY_AUTH_TOKEN", "WANDB_API_KEY", "tickets", "docs/cluster.md")),
        (("head",), ("--gpus", "--port", "--dashboard-port", "--temp-dir", "--block")),
        (("worker",), ("HEAD_HOST[:PORT]", "6379", "--wait")),
        (("status",), ("--address", "--nodes", "exit status 1")),
        (("stop",), ("no other Ray is touched",)),
    ],
)
def test_help_teaches(command: tuple[str, ...], words: tuple[str, ...]) -> None:
    said = CliRunner().invoke(main, ["cluster", *command, "--help"]).output
    assert [word for word in words if word not in " ".join(said.split())] == []
