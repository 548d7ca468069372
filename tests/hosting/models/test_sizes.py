"""What a config of a hosted model may say, the commands that come of it, where it has room, and how many there are."""

import sys

import pytest
from pydantic import ValidationError

from reward_fn.hosting.attach import HostingSettings
from reward_fn.hosting.models.directory import LEASE_S, Users
from reward_fn.hosting.models.engine import start_of
from reward_fn.hosting.models.room import impossible, missing
from reward_fn.hosting.models.scale import Scale
from reward_fn.hosting.models.settings import ModelSettings


def model(**fields):
    return ModelSettings(**{"path": "/models/judge", **fields})


@pytest.mark.parametrize(
    ("fields", "gpus"),
    [
        ({}, 1),
        ({"tensor_parallel": 4}, 4),
        ({"num_gpus": 0.25}, 0.25),
        ({"num_gpus": 0, "tensor_parallel": 2}, 0),
        ({"engine": "transformers"}, 0),
        ({"engine": "transformers", "num_gpus": 1}, 1),
    ],
)
def test_the_gpus_of_a_replica(fields, gpus):
    assert model(**fields).gpus == gpus


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"tensor_parallel": 2, "num_gpus": 1}, "leave num_gpus out"),
        ({"num_gpus": 1.5}, "whole number"),
        ({"engine": "transformers", "tensor_parallel": 2}, "tensor_parallel is vllm's"),
        ({"min_replicas": 3, "max_replicas": 2}, "max_replicas is below min_replicas, which is 3"),
        ({"engine": "sglang"}, "vllm"),
        ({"gpus": 1}, "gpus"),
        ({"path": ""}, "path"),
    ],
)
def test_what_does_not_fit_is_refused(fields, told):
    with pytest.raises(ValidationError, match=told):
        model(**fields)


def test_a_run_says_it_beside_the_other_parts():
    hosting = HostingSettings.model_validate({"models": {"judge": {"path": "m", "num_gpus": 1, "min_replicas": 2}}})
    assert hosting.models["judge"].most == 2
    assert HostingSettings().models == {}


def test_the_command_of_vllm():
    settings = model(tensor_parallel=2, arguments=["--max-model-len", "4096"], environment={"VLLM_USE_V1": "1"})
    start = start_of("judge", settings, "10.0.0.1", 4711, "sk-secret", {"PATH": "/bin", "PYTHONPATH": "/here"})
    assert start.command == [
        sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", "/models/judge",
        "--served-model-name", "judge", "--tensor-parallel-size", "2", "--host", "10.0.0.1", "--port", "4711",
        "--max-model-len", "4096",
    ]  # fmt: skip
    assert start.environment == {
        "PATH": "/bin", "PYTHONPATH": "/here", "VLLM_USE_V1": "1", "VLLM_API_KEY": "sk-secret",
    }  # fmt: skip


def test_another_interpreter_does_not_import_what_is_here():
    settings = model(engine="transformers", python="/opt/engine/bin/python")
    start = start_of("judge", settings, "10.0.0.1", 4711, "sk-secret", {"PATH": "/bin", "PYTHONPATH": "/here"})
    assert start.command[0] == "/opt/engine/bin/python" and start.command[1].endswith("transformers_server.py")
    assert start.environment == {"PATH": "/bin", "API_KEY": "sk-secret"}
    assert not any("sk-secret" in part for part in start.command)


def test_a_size_that_no_node_has_is_named():
    nodes = [{"GPU": 2.0, "CPU": 8.0}, {"CPU": 64.0, "memory": 1e9}]
    assert impossible(model(tensor_parallel=2), nodes) is None
    assert impossible(model(engine="transformers", num_cpus=64), nodes) is None
    told = "a replica takes 4 GPUs and 1 cores of one node, and no node has so many "
    assert impossible(model(tensor_parallel=4), nodes) == told + "(they have: 2 GPUs, 8 cores; 0 GPUs, 64 cores)"
    assert "2 GPUs and 16 cores of one node" in impossible(model(tensor_parallel=2, num_cpus=16), nodes)


def test_what_a_replica_waits_for_is_named():
    told = missing(model(tensor_parallel=2), {"GPU": 8.0, "CPU": 64.0}, {"GPU": 1.0, "CPU": 60.0})
    assert told == "a replica waits for 2 GPUs and 1 cores of one node; free in the whole cluster: 1 of 8 GPUs"
    assert missing(model(), {"GPU": 8.0, "CPU": 64.0}, {"CPU": 60.0}).endswith("0 of 8 GPUs")


def test_replicas_follow_the_load_between_their_bounds():
    scale = Scale(model(min_replicas=1, max_replicas=3, per_replica=10, idle_s=30), 0, now=0.0)
    assert scale.wanted(0, 0.0) == 1
    assert scale.wanted(11, 1.0) == 2  # up at once
    assert scale.wanted(1000, 2.0) == 3
    assert scale.wanted(0, 31.0) == 3  # down when it was less for so long
    assert scale.wanted(21, 31.5) == 3
    assert scale.wanted(15, 61.0) == 3
    assert scale.wanted(15, 61.5) == 2
    assert scale.wanted(0, 92.0) == 1


def test_a_model_may_have_no_replica_while_nobody_asks():
    scale = Scale(model(min_replicas=0, idle_s=5), 0, now=0.0)
    assert [scale.wanted(load, now) for load, now in ((0, 0), (1, 1), (0, 5), (0, 6))] == [0, 1, 1, 0]


def test_a_controller_that_comes_back_goes_on_with_what_there_is():
    assert Scale(model(max_replicas=3), 3, now=0.0).wanted(0, 1.0) == 3


def test_a_server_is_left_when_all_know_it_and_none_uses_it():
    users = Users()
    users.heard("a", 1, 2, {"u": 3, "v": 1}, 0.0)
    users.heard("b", 2, 0, {}, 0.0)
    assert (users.waiting, users.in_flight(), users.in_flight(["u"])) == (2, 4, 3)
    assert not users.have_left("u", 2)
    users.heard("a", 1, 0, {}, 1.0)
    assert not users.have_left("u", 2)  # it may send more
    users.heard("a", 2, 0, {"u": 1}, 1.0)
    assert not users.have_left("u", 2)
    users.forget(LEASE_S + 0.5)
    assert not users.have_left("u", 2)
    users.forget(LEASE_S + 1.5)
    assert users.have_left("u", 2)
