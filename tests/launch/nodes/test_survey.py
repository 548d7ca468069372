"""Nodes that really differ are asked, and what is wrong with each is told with its fix; in the order of the tests."""

import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
from raylets import BARE, ODD, kill
from rich.console import Console

from rm_train.launch.checks.problem import ConfigError
from rm_train.launch.doctor.nodes import nodes as doctor
from rm_train.launch.hardware import with_hardware
from rm_train.launch.nodes.ask import cluster_nodes
from rm_train.launch.nodes.check import survey
from rm_train.launch.pipeline import run_task

TAKING = """
import ray, sys
ray.init(sys.argv[1], log_to_driver=False)
holder = ray.remote(num_gpus=2)(type("Holder", (), {"up": lambda self: 1})).remote()
print(ray.get(holder.up.remote()), flush=True)
input()
"""


def shown(found):
    return "\n".join(f"{problem.severity.value}: {problem}" for problem in found.problems)


def test_nodes_that_are_alike_are_free_of_problems_and_nothing_is_left(raylets, joining, tmp_path, monkeypatch):
    monkeypatch.setenv("RM_TRAIN_SECRETS", "RM_TESTS_SECRET")
    found = survey(joining(f"runs_dir={tmp_path}"))
    assert shown(found) == ""
    (node,) = found.nodes.values()
    assert node["answer"]["secrets"] == {"RM_TESTS_SECRET": True}
    assert node["answer"]["packages"]["verl"] == "0.9.1"
    assert list(tmp_path.iterdir()) == []
    overrides, said = with_hardware(["ray=existing", f"ray_address={raylets.address}"])
    assert overrides[0] == "hardware=cpu"
    assert said.startswith("found a Ray cluster of 1 nodes without GPUs")


def test_a_token_that_is_wrong_is_told(raylets, monkeypatch):
    monkeypatch.setenv("RAY_AUTH_TOKEN", "0" * 64)
    with pytest.raises(
        ConfigError, match=r"ray_address: .* cannot be joined: it wants a token: set RAY_AUTH_MODE=token"
    ):
        cluster_nodes(raylets.address)


@pytest.mark.slow
def test_a_client_from_outside_asks_as_well(raylets, joining, tmp_path):
    (node,) = survey(joining(f"runs_dir={tmp_path}", f"ray_address='ray://{raylets.for_clients}'")).nodes.values()
    assert node["free"]["GPU"] == 2 and node["answer"]["packages"]["verl"] == "0.9.1"


def test_a_run_that_does_not_fit_ends_before_verl_starts(joining, model, tmp_path):
    overrides = [
        "base_model=hf",
        f"base_model_path={model}",
        f"runs_dir={tmp_path}",
        "max_train_rows=64",
        "trainer.nnodes=9",
    ]
    config = joining(*overrides, "preflight_rows=0", "max_val_rows=8", "data.max_response_length=64")
    with pytest.raises(ConfigError, match=r"trainer\.nnodes: wants 9 x 1 free GPUs .* and 2 can be had"):
        run_task("pointwise", overrides, config, fresh=False, prepare_only=False, console=Console(quiet=True))
    assert (Path(config.run_dir) / "data" / "train.parquet").exists()
    assert not (Path(config.run_dir) / "logs").exists()


@pytest.mark.slow
def test_gpus_that_another_job_holds_are_told_with_the_job(raylets, joining, tmp_path):
    command = [sys.executable, "-c", TAKING, raylets.address]
    environment = {**os.environ, "RAY_AUTH_MODE": "token"}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as job:
        assert job.stdout.readline() == b"1\n"
        said = shown(survey(joining(f"runs_dir={tmp_path}")))
        job.communicate(b"\n")
    assert "error: trainer.nnodes: wants 1 x 1 free GPUs with 3 free CPUs, each on one node, and 0 can be had" in said
    assert re.search(rf"with 0 of 2 GPUs and \d+ of 16 CPUs free; job \w+ \({sys.executable} -c .*\) from", said), said
    assert said.endswith("wait until the others have ended, or end them")


@pytest.fixture(scope="module")
def several(odd, bare, raylets):
    """All the nodes, and the head's name."""
    addresses = [node["address"] for node in cluster_nodes(raylets.address)]
    assert {ODD, BARE} < set(addresses)
    return next(address for address in addresses if address not in (ODD, BARE))


@pytest.mark.slow
def test_what_is_wrong_is_told_for_all_nodes_at_once(several, joining, local, monkeypatch):
    monkeypatch.setenv("RM_TRAIN_SECRETS", "RM_TESTS_SECRET,RM_TESTS_NONE")
    found = survey(
        joining(
            *("base_model=hf", f"base_model_path={local}/model", f"data.train_files={local}/train.parquet"),
            *(f"reward.custom_reward_function.path={local}/reward.py", f"runs_dir={local}/runs", "trainer.nnodes=9"),
        )
    )
    said = shown(found).splitlines()

    def told(*parts):
        return [line for line in said if all(part in line for part in parts)]

    assert told(f"error: node {ODD}: verl: 0.9.0 there, 0.9.1 here; install it there: pip install 'verl==0.9.1'")
    assert told(f"error: node {ODD}: reward_fn: other code there (", "rm-train submit")
    assert told(f"error: node {ODD}: RM_TESTS_SECRET: is not set there; set it before `ray start`")
    assert told("error: node ", ODD, BARE, several, ": RM_TESTS_NONE: is not set there")  # told once for all
    assert told(f"warning: node {ODD}: clock: is 60 s ahead of the launcher's")
    unreadable = "unreadable (No such file or directory) there; "
    assert told(
        f"error: node {BARE}: {local}/train.parquet: {unreadable}4 bytes, ", "keep it in a folder that all nodes"
    )
    assert told(f"error: node {BARE}: {local}/reward.py: {unreadable}6 bytes, ")
    assert told(f"error: node {BARE}: {local}/model: there is no such model folder there; copy it there")
    assert told(
        f"error: node {BARE}: run_dir: there is no folder {local}/runs there; the parts of a checkpoint would be"
    )
    assert told("error: trainer.nnodes: wants 9 x 1 free GPUs", "4 can be had", "start Ray on 9 nodes, each with")
    assert len(said) == 10
    assert not [line for line in said if "value" in line]


@pytest.mark.slow
def test_a_folder_that_is_there_and_not_shared_is_told_of_the_node_that_has_its_own(several, joining, local):
    config = joining(f"runs_dir={local}")
    said = shown(survey(config))
    assert f"error: node {BARE}: run_dir: {local} there is not the same folder as here" in said
    assert "run_dir" not in said.replace(f"node {BARE}: run_dir", "")
    assert not [path for path in local.iterdir() if path.name.startswith(".")]
    config.storage = "s3://bucket/runs"  # each node keeps its part until it is stored
    assert "run_dir" not in shown(survey(config))


@pytest.mark.slow
def test_the_doctor_has_a_row_for_each_node(several, joining, tmp_path):
    rows = {row.subject: row for row in doctor(joining(f"runs_dir={tmp_path}"))}
    assert set(rows) == {f"node {name}" for name in (ODD, BARE, several)}
    assert rows[f"node {BARE}"].state == "ok" and "1 of 1 GPUs, 6 of 6 CPUs free, Python 3" in rows[f"node {BARE}"].what
    odd_one = rows[f"node {ODD}"]
    assert odd_one.state == "error" and "verl: 0.9.0 there" in odd_one.what and "verl==0.9.1" in odd_one.fix


@pytest.mark.slow
def test_gpus_that_ray_hands_out_and_no_driver_has_are_told(several, joining, tmp_path):
    config = joining(f"runs_dir={tmp_path}", "hardware=gpu1")
    said = shown(survey(config))
    assert f"node {ODD}, {BARE}: GPUs: Ray hands out 1 there, and the node found no" in said
    assert "vllm: is not installed there; install it there: pip install 'rm-train[gpu]'" in said


def slow(joining, tmp_path):
    return joining(f"runs_dir={tmp_path}", "+ray_kwargs.ray_init.runtime_env.env_vars.RM_TESTS_SLOW='1'")


@pytest.mark.slow
def test_a_node_that_does_not_answer_in_time_is_named(several, joining, tmp_path):
    said = shown(survey(slow(joining, tmp_path), answer_s=20))
    assert f"error: node {ODD}: Ray: did not answer in 20 s; look at Ray's logs there" in said
    assert BARE not in said


@pytest.mark.slow
def test_a_node_that_dies_while_it_is_asked_is_named(several, odd, joining, tmp_path):
    def kill_when_asked():
        until = time.monotonic() + 60
        while time.monotonic() < until:
            family = psutil.Process(odd.pid).children(recursive=True)
            if any("RM_TESTS_SLOW" in one.environ() for one in family if one.is_running()):
                break
            time.sleep(0.1)
        kill(odd)

    killer = threading.Thread(target=kill_when_asked)
    killer.start()
    said = shown(survey(slow(joining, tmp_path), answer_s=60))
    killer.join()
    assert f"error: node {ODD}: Ray: " in said and "did not answer" not in said
    assert [node["alive"] for node in cluster_nodes(joining().ray_address) if node["address"] == ODD] == [False]
    assert f"{ODD} (dead)" in shown(survey(joining(f"runs_dir={tmp_path}", "trainer.nnodes=9")))
