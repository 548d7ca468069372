"""The cluster's limiter: three nodes, killed processes, jobs and priorities in turn, pauses and failures for all."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
import ray
from limiter_workers import LEASE_S, Worker
from ray.cluster_utils import Cluster
from scripted_endpoint import HANG, Endpoint

from reward_fn.hosting.limiter import ACTOR, NAMESPACE, ClusterPermits, LimiterSettings, attach_limits
from reward_fn.judges.llm import OpenaiLLM
from reward_fn.judges.llm.limits import Limits
from reward_fn.judges.llm.permits import LocalPermits, permits_of, use_permits
from reward_fn.schema import FailureKind

NODES = 3


def test_without_a_cluster_it_says_so():
    with pytest.raises(RuntimeError, match=r"ray\.init"):
        attach_limits()


@pytest.fixture(scope="module")
def cluster():
    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "resources": {"node0": 99}})
    for number in range(1, NODES):
        nodes.add_node(num_cpus=1, resources={f"node{number}": 99})
    environment = {"env_vars": {"PYTHONPATH": str(Path(__file__).parent)}}
    ray.init(address=nodes.address, log_to_driver=False, runtime_env=environment)
    yield
    ray.shutdown()
    nodes.shutdown()


@pytest.fixture
def endpoint():
    server = Endpoint()
    yield server
    server.close()


def test_a_client_without_limits_does_not_ask_the_actor(cluster):
    attach_limits()
    try:

        async def kinds():
            return [type(permits_of("http://e/v1", "", "free", one)) for one in (Limits(), Limits(max_in_flight=1))]

        assert asyncio.run(kinds()) == [LocalPermits, ClusterPermits]
    finally:
        use_permits(None)


def workers(count, **fields):
    """Return processes, in turn on each of the nodes."""
    return [worker(place % NODES, **fields) for place in range(count)]


def worker(node=0, **fields):
    return ray.remote(num_cpus=0, resources={f"node{node}": 1})(Worker).remote(**fields)


@pytest.fixture(scope="module")
def three(cluster):
    return workers(NODES)


def get(calls):
    return ray.get(calls, timeout=60)


def together(calls):
    return sorted(at for times in get(calls) for at in times)


def in_use(name):
    found = ray.get(ray.get_actor(ACTOR).in_use.remote(), timeout=60)
    return found.get(f"http://e/v1 {name} no key")


def until(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_rate_is_that_of_all_nodes(three):
    assert len(set(get([one.process.remote() for one in three]))) == NODES
    times = together([one.times.remote(150, {"requests_per_minute": 12000}, name="rate") for one in three])
    # It starts without a burst; a busy machine may be late, and is never early.
    assert 60 < 449 / (times[-1] - times[0]) <= 1.05 * 200


def test_the_actor_stays_though_its_processes_are_idle_for_long(three):
    limits = {"max_in_flight": 5}

    def actor_of():
        get([one.times.remote(1, limits, name="idle") for one in three])
        return get(ray.get_actor(ACTOR).__ray_call__.remote(lambda _: os.getpid()))

    before = actor_of()
    until(lambda: in_use("idle")["clients"] == 0)
    assert actor_of() == before
    time.sleep(1)  # who made it has greeted it again
    assert actor_of() == before and in_use("idle")["clients"] == NODES


def test_tokens_are_those_of_all_nodes_and_corrected(three):
    limits = {"tokens_per_minute": 60 * 10_000}
    calls = [one.times.remote(40, limits, name="tokens", tokens=50, used=200, work_s=0.02) for one in three]
    times = together(calls)
    assert 0.75 * 120 * 200 / 10_000 < times[-1] - times[0] < 3 * 120 * 200 / 10_000


def test_in_flight_are_so_many_on_all_nodes_together(three):
    calls = [one.times.remote(20, {"max_in_flight": 6}, name="flying", work_s=0.1) for one in three]
    times = together(calls)
    assert max(sum(early <= at < early + 0.1 for at in times) for early in times) <= 6
    assert times[-1] - times[0] < 6 * 60 / 6 * 0.1
    until(lambda: in_use("flying")["in_flight"] == 0)


def test_jobs_take_turns(cluster):
    greedy, modest = worker(0, job="greedy"), worker(1, job="modest")
    get([greedy.process.remote(), modest.process.remote()])
    limits = {"requests_per_minute": 6000}
    much = greedy.times.remote(250, limits, name="fair")
    time.sleep(0.5)
    few = together([modest.times.remote(50, limits, name="fair")])
    meanwhile = [at for at in get(much) if few[0] <= at <= few[-1]]
    assert len(meanwhile) == pytest.approx(50, abs=25)  # about one each, and not the end of the queue


def test_training_goes_before_validation(three):
    limits = {"requests_per_minute": 3000}
    later = three[0].times.remote(60, limits, name="urgent", priority=1)
    time.sleep(0.3)
    first = together([one.times.remote(20, limits, name="urgent") for one in three])
    meanwhile = [at for at in get(later) if first[0] + 0.1 <= at <= first[-1]]
    assert len(meanwhile) <= 2  # those that were on their way


def test_who_gives_up_takes_nothing(three):
    limits = {"max_in_flight": 1}
    get(three[0].hold.remote(1, limits, "given up"))
    assert get([one.give_up.remote(0.3, limits, "given up") for one in three[1:]]) == [False, False]
    assert in_use("given up")["in_flight"] == 1


def test_a_killed_process_gives_its_permits_back(cluster):
    limits = {"max_in_flight": 2}
    holder, heir = worker(0), worker(1)
    get(holder.hold.remote(2, limits, "killed"))
    waiting = heir.times.remote(2, limits, name="killed")
    os.kill(get(holder.process.remote()), signal.SIGKILL)
    began = time.monotonic()
    assert len(get(waiting)) == 2
    assert time.monotonic() - began < 1.5 * LEASE_S + 1


def test_a_killed_actor_comes_back_and_knows_what_is_held(three):
    limits = {"requests_per_minute": 6000, "max_in_flight": 50}
    get(three[0].hold.remote(10, limits, "restarted"))
    calls = [one.times.remote(100, limits, name="restarted", work_s=0.05) for one in three]
    time.sleep(0.5)
    ray.kill(ray.get_actor(ACTOR), no_restart=False)
    times = together(calls)
    assert len(times) == 300
    until(lambda: (in_use("restarted") or {}).get("in_flight") == 10)
    late = [at for at in times if at > times[-1] - 1.0]
    assert len(late) <= 100 * 1.05 + 1


def test_a_pause_is_kept_by_all(three):
    limits = {"max_in_flight": 99}
    get(three[0].pause.remote(1.5, limits, "paused"))
    until(lambda: get(three[1].closed_for.remote(limits, "paused"))[0] > 0)
    seconds, out = get(three[2].closed_for.remote(limits, "paused"))
    assert 0 < seconds <= 1.5 and not out


def test_an_endpoint_that_fails_is_out_for_all_and_tried_again(three):
    limits = {"out_after": 4}
    get([one.fail.remote(2, limits, "out") for one in three[:2]])
    for one in three:
        until(lambda one=one: get(one.closed_for.remote(limits, "out"))[1])
    get(three[0].succeed.remote(limits, "out"))
    for one in three:
        until(lambda one=one: get(one.closed_for.remote(limits, "out")) == (0.0, False))


@pytest.fixture
def attached(cluster):
    attach_limits(LimiterSettings(lease_s=LEASE_S))
    yield
    use_permits(None)


def asked(llm, count):
    async def work():
        calls = [llm.acomplete([{"role": "user", "content": "?"}]) for _ in range(count)]
        return await asyncio.gather(*calls, return_exceptions=True)

    return asyncio.run(work())


def test_an_llm_asks_the_cluster(attached, endpoint):
    llm = OpenaiLLM(model="m", base_url=endpoint.url, requests_per_minute=3000)
    assert Counter(one.text for one in asked(llm, 60)) == {"fine": 60}
    assert endpoint.times[-1] - endpoint.times[0] >= 59 / 50 * 0.5  # the first may have been late
    assert ray.get(ray.get_actor(ACTOR).in_use.remote())[f"{endpoint.url} m no key"]["clients"] == 1


def test_an_llm_keeps_deadlines_and_bounds_while_it_waits_for_the_cluster(attached, endpoint):
    endpoint.script = lambda _: HANG
    llm = OpenaiLLM(model="n", base_url=endpoint.url, max_in_flight=1, max_waiting=3, deadline=3.0)
    kinds = Counter(one.failure.kind for one in asked(llm, 6))
    assert sum(kinds.values()) == 6
    assert kinds[FailureKind.TIMEOUT] >= 3 and kinds[FailureKind.RATE_LIMIT] >= 2
    assert len(endpoint.requests) <= 3 and llm.usage.waiting == 0
    until(lambda: ray.get(ray.get_actor(ACTOR).in_use.remote())[f"{endpoint.url} n no key"]["in_flight"] == 0)
    endpoint.script = lambda _: "fine"
    assert [one.text for one in asked(llm, 1)] == ["fine"]


OTHER_JOB = """
import sys
import ray
environment = {"env_vars": {"PYTHONPATH": sys.argv[2]}}
ray.init(address=sys.argv[1], log_to_driver=False, logging_level="error", runtime_env=environment)
from limiter_workers import Worker
worker = ray.remote(num_cpus=0)(Worker).remote(detached=True)
ray.get(worker.process.remote())
print("ready", flush=True)
input()
print(ray.get(worker.times.remote(100, {"requests_per_minute": 6000}, name="jobs")))
"""


@pytest.mark.slow
def test_two_jobs_share_a_detached_limiter_and_take_turns(cluster):
    mine = worker(0, detached=True)
    get([mine.process.remote()])
    folder = str(Path(__file__).parent)
    with subprocess.Popen(
        [sys.executable, "-c", OTHER_JOB, ray.get_runtime_context().gcs_address, folder],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": folder},
    ) as other:  # fmt: skip
        assert other.stdout.readline() == "ready\n"
        much = mine.times.remote(300, {"requests_per_minute": 6000}, name="jobs")
        time.sleep(0.3)
        few = sorted(json.loads(other.communicate("\n", timeout=60)[0]))
    all_times = sorted([*few, *get([much])[0]])
    ray.kill(ray.get_actor(ACTOR, namespace=NAMESPACE))
    assert 399 / (all_times[-1] - all_times[0]) <= 105
    assert sum(few[0] <= at <= few[-1] for at in all_times) == pytest.approx(200, abs=60)
