"""Models in a cluster of two nodes: they follow the load, outlive what dies, are refused what is not there, and end."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest
import ray
from chain_model import LONG, make_chain_model
from ray.cluster_utils import Cluster

from reward_fn import OpenaiLLM
from reward_fn.hosting.models import attach, clustered
from reward_fn.hosting.models.attach import attach_models
from reward_fn.hosting.models.settings import ModelSettings
from reward_fn.judges.llm.hosted import use_models
from reward_fn.schema import FailureKind, RewardError


@pytest.fixture(scope="module")
def cluster():
    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 2})
    nodes.add_node(num_cpus=2)
    ray.init(address=nodes.address, log_to_driver=False)
    yield nodes
    ray.shutdown()
    nodes.shutdown()


@pytest.fixture
def host(cluster, engine, request):
    """Returns a client of a model of its own, for the length of a test."""
    name = request.node.name

    def make(**fields):
        attach_models({name: ModelSettings(**{"path": "/models/judge", "python": engine, "num_gpus": 0, **fields})})
        return OpenaiLLM(model=name, hosted=True, max_wait=20)

    yield make
    use_models(None)
    attach._models.pop(name, None)
    with suppress(ValueError):
        ray.kill(ray.get_actor(f"reward_fn model {name} keeper"))


def controller(llm):
    return ray.get_actor(f"reward_fn model {llm.model}")


def status(llm):
    return ray.get(controller(llm).status.remote(), timeout=30)


def until(condition, seconds=40):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


async def asked(llm, count, what):
    return [json.loads(one) for one in await asyncio.gather(*(llm.asimple_chat(what) for _ in range(count)))]


@contextmanager
def at_work(llm, count, what):
    """Has requests at work in the block; all of them have an answer after it, and the list has who gave it."""
    pids = []

    async def work():
        pids.extend(one["pid"] for one in await asked(llm, count, what))

    with ThreadPoolExecutor(1) as threads:
        done = threads.submit(asyncio.run, work())
        until(lambda: llm.usage.requests >= count)
        yield pids
        done.result(60)


def alive(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def process_of(actor):
    return ray.get(actor.__ray_call__.remote(lambda _: os.getpid()), timeout=30)


def test_real_answers_of_a_real_model(host, tmp_path):
    llm = host(path=str(make_chain_model(tmp_path)), engine="transformers", python=None)
    assert llm.simple_chat("how is it?") == "fine"

    async def many():
        texts = [f"{'very ' * (place % 7)}{'!' if place % 3 == 0 else '?'}" for place in range(60)]
        return texts, await asyncio.gather(*(llm.acomplete([{"role": "user", "content": one}]) for one in texts))

    texts, answers = asyncio.run(many())
    assert [one.text for one in answers] == [LONG if text.endswith("!") else "fine" for text in texts]
    assert answers[0].completion_tokens == len(LONG) + 1 and answers[1].prompt_tokens == len(texts[1])
    for fields in ({"max_tokens": 5000}, {"extra_body": {"response_format": {"type": "json_object"}}}):
        with pytest.raises(RewardError) as caught:
            llm.model_copy(update=fields).simple_chat("?")
        assert caught.value.failure.kind is FailureKind.REJECTED
    with pytest.raises(RewardError) as caught:
        llm.model_copy(update={"max_tokens": 3}).simple_chat("!")
    assert caught.value.failure.kind is FailureKind.TRUNCATED
    found = status(llm)
    assert (found["replicas_ready"], found["engine"]) == (1, "transformers")


def test_replicas_come_and_go_with_the_load(host):
    llm = host(max_replicas=2, per_replica=4, idle_s=1.0)
    first = json.loads(llm.simple_chat("who"))["pid"]
    assert status(llm)["replicas_ready"] == 1
    with at_work(llm, 8, "sleep 3"):
        until(lambda: status(llm)["replicas_ready"] == 2)
        assert status(llm)["in_flight"] == 8
        (second,) = {one["pid"] for one in asyncio.run(asked(llm, 6, "sleep 0.1"))}  # it has less to do
    until(lambda: status(llm)["replicas"] == 1)
    assert json.loads(llm.simple_chat("who"))["pid"] == first != second
    until(lambda: not alive(second))
    assert llm.usage.retries == 0 and status(llm)["replicas_wanted"] == 1


def test_no_request_is_lost_with_a_replica_or_its_server(host):
    llm = host(min_replicas=2)
    until(
        lambda: {one["pid"] for one in asyncio.run(asked(llm, 4, "sleep 0.1"))} and status(llm)["replicas_ready"] == 2
    )
    with at_work(llm, 20, "sleep 1.5") as pids:
        actor = ray.get_actor(f"reward_fn model {llm.model} 0")
        os.kill(process_of(actor), signal.SIGKILL)
    assert len(pids) == 20
    until(lambda: status(llm)["replicas_ready"] == 2)
    before = {one["pid"] for one in asyncio.run(asked(llm, 8, "sleep 0.1"))}
    with at_work(llm, 20, "sleep 1.5") as pids:
        os.kill(min(before), signal.SIGKILL)
    assert len(pids) == 20 and len(before) == 2
    until(lambda: status(llm)["replicas_ready"] == 2)


def test_a_lone_server_that_dies_loses_no_request(host):
    llm = host()
    first = json.loads(llm.simple_chat("who"))["pid"]
    with at_work(llm, 10, "sleep 1.5") as pids:
        os.kill(first, signal.SIGKILL)
    assert len(pids) == 10 and first not in pids


def test_a_controller_that_dies_finds_its_replicas_again(host):
    llm = host(min_replicas=2)
    until(lambda: llm.simple_chat("who") and status(llm)["replicas_ready"] == 2)
    before = {one["pid"] for one in asyncio.run(asked(llm, 8, "sleep 0.1"))}
    with at_work(llm, 8, "sleep 1.5") as pids:
        os.kill(process_of(controller(llm)), signal.SIGKILL)
    assert set(pids) == before
    assert {one["pid"] for one in asyncio.run(asked(llm, 8, "sleep 0.1"))} == before
    until(lambda: status(llm)["replicas_ready"] == 2)
    assert status(llm)["replicas"] == 2


@pytest.mark.slow
@pytest.mark.parametrize("for_good", [False, True])
def test_a_keeper_that_dies_takes_all_along_and_all_comes_back(host, for_good):
    llm = host()
    first = json.loads(llm.simple_chat("who"))
    ray.kill(ray.get_actor(f"reward_fn model {llm.model} keeper"), no_restart=for_good)
    until(lambda: not alive(first["pid"]) and not alive(first["helper"]))
    assert json.loads(llm.simple_chat("who"))["pid"] != first["pid"]


def test_what_no_node_has_is_refused_at_once(host):
    llm = host(num_gpus=None, tensor_parallel=2)
    began = time.monotonic()
    with pytest.raises(RewardError, match="a replica takes 2 GPUs and 1 cores of one node, and no node") as caught:
        llm.simple_chat("who")
    assert caught.value.failure.kind is FailureKind.UNAVAILABLE and time.monotonic() - began < 10
    assert "2 GPUs" in status(llm)["trouble"] and status(llm)["replicas"] == 0


def test_a_replica_without_a_place_says_what_it_waits_for(host):
    taken = ray.util.placement_group([{"CPU": 2}] * 2)
    assert taken.wait(30)
    llm = host(start_s=4)
    with pytest.raises(RewardError, match="waits for 1 cores of one node; free in the whole cluster: 0 of 4 cores"):
        llm.model_copy(update={"max_wait": 2}).simple_chat("who")
    ray.util.remove_placement_group(taken)
    assert json.loads(llm.simple_chat("who"))["pid"]


@pytest.mark.slow
def test_a_server_that_does_not_start_is_a_failure_with_its_last_words(host):
    llm = host(arguments=["--fail", "no such model"])
    with pytest.raises(RewardError, match=r"(?s)vllm ended with status 1, 3 times.*no such model"):
        llm.simple_chat("who")
    assert "no such model" in status(llm)["trouble"]


def test_an_idle_process_does_not_ask(host, monkeypatch):
    monkeypatch.setattr(clustered, "_LINGER_S", 0.1)
    llm = host()
    llm.simple_chat("who")
    until(lambda: attach._models[llm.model][1]._following is None)
    assert llm.simple_chat("who") and llm.usage.retries == 0


def started(cluster, engine, how):
    """Start a run, and return it with what its server said."""
    command = [sys.executable, Path(__file__).parent / "model_run.py", cluster.address, engine, how]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    line = next((one for one in run.stdout if one.startswith("{")), "")  # Ray speaks too
    assert line, run.stderr.read()
    said = json.loads(line)
    assert alive(said["pid"]) and alive(said["helper"])
    return run, said


def of_others():
    own = ray.get_runtime_context().namespace
    return [one for one in ray.util.list_named_actors(all_namespaces=True) if one["namespace"] != own]


@pytest.mark.parametrize(
    "how", ["interrupt", *(pytest.param(how, marks=pytest.mark.slow) for how in ("normal", "error", "kill"))]
)
def test_nothing_is_left_of_a_run_that_has_ended(cluster, engine, how):
    run, said = started(cluster, engine, how)
    if how in ("interrupt", "kill"):
        run.send_signal(signal.SIGINT if how == "interrupt" else signal.SIGKILL)
    run.communicate(timeout=60)
    until(lambda: not alive(said["pid"]) and not alive(said["helper"]))
    until(lambda: not of_others())


@pytest.mark.slow
def test_servers_outlive_the_run_only_if_they_are_asked_to(cluster, engine):
    run, said = started(cluster, engine, "detached")
    run.communicate(timeout=60)
    time.sleep(3)
    assert alive(said["pid"]) and len(of_others()) == 3
    (keeper,) = [one for one in of_others() if one["name"] == "reward_fn model judge keeper"]
    ray.kill(ray.get_actor(**keeper))
    until(lambda: not alive(said["pid"]) and not alive(said["helper"]) and not of_others())
