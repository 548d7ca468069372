"""Rules in the workers of all nodes: spread, killed, repeated, and each with its own time."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import ray
import rule_jobs as jobs
from ray.cluster_utils import Cluster

from reward_fn.hosting.rules import ClusterPool, RuleCluster, RulePoolSettings, attach_rules
from reward_fn.hosting.spread import AHEAD, Node, choose
from reward_fn.registry import RewardRegistry
from reward_fn.schema import ChatMessage, DataOutput, DataSample, FailureKind, RewardError, Step
from reward_fn.workers.pool import Kind, pool, use_pools
from reward_fn.workers.times import counted_work, result_of


def node(own=False, mine=0, others=0, workers=2):
    return Node("n", None, workers, own, mine, others)


def test_the_own_node_is_first_while_a_worker_is_idle_there_and_then_the_least_loaded():
    own, other = node(own=True, mine=1), node()
    assert choose([other, own]) is own
    own.others = 1
    assert choose([own, other]) is other
    other.mine = 4
    assert choose([other, own]) is own
    own.mine = other.mine = AHEAD * 2
    assert choose([own, other]) is None
    assert choose([]) is None


def test_a_process_that_is_not_in_a_cluster_is_refused():
    with pytest.raises(RuntimeError, match="not connected to Ray"):
        attach_rules()


@pytest.fixture(scope="module")
def nodes():
    """A cluster of two nodes with two cores each, of which this process is on the first."""
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "include_dashboard": False})
    second = cluster.add_node(num_cpus=2)
    environment = {"env_vars": {"PYTHONPATH": str(Path(__file__).parent)}}
    ray.init(address=cluster.address, log_to_driver=False, runtime_env=environment)
    cluster.wait_for_nodes()
    yield cluster, second
    ray.shutdown()
    cluster.shutdown()


@pytest.fixture(scope="module")
def rules(nodes):
    """Rules of this process in the cluster; all its actors answer."""
    attach_rules(RulePoolSettings(workers=2))
    deadline = time.monotonic() + 60
    while len(set(actors(8, 0.05))) < 2:
        assert time.monotonic() < deadline
    yield pool()
    use_pools(None)


def submitted(count, function, *arguments):
    return [pool().submit(function, *arguments, timeout_s=30) for _ in range(count)]


def actors(count, seconds):
    return [job.result(60) for job in submitted(count, jobs.actor_of, seconds)]


def test_jobs_are_spread_over_the_nodes_the_own_one_first(rules):
    assert rules.size == 4
    assert len({actors(1, 0.0)[0] for _ in range(5)}) == 1
    assert len(set(actors(40, 0.02))) == 2


def test_a_process_uses_only_so_many_nodes_and_its_own_first(rules, monkeypatch):
    monkeypatch.setattr("reward_fn.hosting.rules.KNOWN", 1)
    monkeypatch.setattr("reward_fn.hosting.rules._LOOK_S", 0.0)
    one = ClusterPool(RuleCluster(RulePoolSettings(workers=2)), Kind())
    own = {one.submit(jobs.actor_of, 0.05, timeout_s=30).result(60) for _ in range(4)}
    many = [one.submit(jobs.actor_of, 0.05, timeout_s=30) for _ in range(16)]
    assert {job.result(60) for job in many} == own and len(own) == 1 and one.size == 2


def test_all_processes_use_the_same_workers(rules):
    askers = [ray.remote(num_cpus=0)(jobs.Asker).remote() for _ in range(3)]
    pids = ray.get([asker.ask.remote(20) for asker in askers], timeout=60)
    assert set().union(*pids) <= set(actors(40, 0.02))
    assert sum(name.startswith("reward_fn rules ") for name in ray.util.list_named_actors()) == 2


def test_a_job_that_does_not_end_costs_only_itself(rules):
    stuck = rules.submit(jobs.stubborn, 60, timeout_s=0.3)
    dead, wrong = rules.submit(jobs.die, timeout_s=5), rules.submit(jobs.fail, "so it is", timeout_s=5)
    others = submitted(60, jobs.actor_of, 0.01)
    assert all(job.result(30) for job in others)
    for job, kind in ((stuck, FailureKind.TIMEOUT), (dead, FailureKind.CRASH)):
        with pytest.raises(RewardError) as caught:
            job.result(30)
        assert caught.value.failure.kind is kind
    with pytest.raises(ValueError, match="so it is"):
        wrong.result(30)


def test_calls_of_one_job_are_told_while_another_one_takes_long(rules):
    start = time.monotonic()
    made = rules.submit_all(jobs.stubborn_or, [(0.0,), (0.01,), (60,), (0.02,)], 2.0)
    assert [made[place].result(30) for place in (0, 1)] == [0.0, 0.01] and time.monotonic() - start < 1.5
    with pytest.raises(RewardError, match="was killed"):
        made[2].result(30)
    assert made[3].result(30) == 0.02 and time.monotonic() - start < 6


def test_the_clock_begins_with_the_work(rules):
    jobs_of_all = [rules.submit(jobs.actor_of, 0.2, timeout_s=0.6) for _ in range(30)]
    assert all(job.result(60) for job in jobs_of_all)


def test_queue_and_work_are_told_apart(rules):
    async def work():
        with counted_work() as times:
            await asyncio.gather(*(result_of(job) for job in submitted(8, jobs.actor_of, 0.2)))
        return times

    times = asyncio.run(work())
    assert times.calls == 8 and 1.6 <= times.worked_s < 3.2
    assert 0.5 < times.waited_s < 9.0


def test_a_job_that_is_cancelled_while_it_waits_is_left_out(rules):
    busy = submitted(2 * 2 * AHEAD, jobs.actor_of, 0.1)
    waiting = rules.submit(jobs.kill_actor, timeout_s=5)
    assert waiting.cancel()
    assert len({job.result(30) for job in busy}) == 2


def test_a_killed_actor_takes_no_job_with_it(rules):
    pids = set(actors(20, 0.02))
    at_work = submitted(30, jobs.actor_of, 0.3)
    time.sleep(0.3)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    done = {job.result(60) for job in at_work}
    assert done and not done <= pids


@pytest.mark.slow
def test_a_job_that_kills_its_actors_is_given_up_and_takes_no_other_with_it(rules):
    poison = rules.submit(jobs.kill_actor, timeout_s=30)
    others = submitted(10, jobs.actor_of, 0.1)
    with pytest.raises(RewardError, match="3 rule actors died") as caught:
        poison.result(60)
    assert caught.value.failure.kind is FailureKind.CRASH
    assert all(job.result(60) for job in others)


def test_rules_of_the_gallery_run_there(rules):
    reward = RewardRegistry.get("math_verify_reward")(timeout_s=1)
    endless = r"\int_0^{\infty} \frac{\sin(x^3) e^{\cos x}}{x^{7} + \sqrt{x} + 1} dx"
    texts = [r"\boxed{\frac{2}{\sqrt{2}}}", rf"\boxed{{{endless}}}", r"\boxed{\sqrt{3}}"]
    answers = [DataOutput(answer=Step(content=text, label={"reference": r"\sqrt{2}"})) for text in texts]
    results = reward.score(DataSample(input=[ChatMessage(content="?")], output=answers))
    assert [result.score for result in results] == [1.0, 0.0, 0.0]
    assert "took longer than 1 s" in results[1].details[0].reason
    program = "```python\nprint(int(input()) + 1)\n```"
    label = {"inputs_outputs": {"inputs": ["1", "2"], "outputs": ["2", "3"]}}
    sample = DataSample(
        input=[ChatMessage(content="?")], output=[DataOutput(answer=Step(content=program, label=label))]
    )
    assert RewardRegistry.get("code_execution")(isolation="none").score(sample)[0].score == 1.0


def alive(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("how", [pytest.param("normal", marks=pytest.mark.slow), "error", "interrupt"])
def test_nothing_is_left_of_a_run_that_has_ended(nodes, how):
    folder = Path(__file__).parent
    command = [sys.executable, folder / "run_and_end.py", nodes[0].address, how]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [str(folder), *sys.path]))}
    run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    pids = [int(pid) for pid in run.stdout.readline().split()]
    if how == "interrupt":
        run.send_signal(signal.SIGINT)
    _, told = run.communicate(timeout=60)
    assert (run.returncode == 0) == (how == "normal") and len(pids) >= 3, told
    deadline = time.monotonic() + 30
    while any(map(alive, pids)):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    own = ray.get_runtime_context().namespace
    assert not [one for one in ray.util.list_named_actors(all_namespaces=True) if one["namespace"] != own]


@pytest.mark.slow
def test_actors_outlive_the_run_only_if_they_are_asked_to(nodes):
    folder = Path(__file__).parent
    command = [sys.executable, folder / "run_and_end.py", nodes[0].address, "detached"]
    subprocess.run(command, check=True, timeout=60, env={**os.environ, "PYTHONPATH": f"{folder}:{Path.cwd()}"})
    own = ray.get_runtime_context().namespace
    left = [one for one in ray.util.list_named_actors(all_namespaces=True) if one["namespace"] != own]
    assert sorted({one["name"].split()[1] for one in left}) == ["cache", "rules"]
    for one in left:
        ray.kill(ray.get_actor(one["name"], namespace=one["namespace"]))


@pytest.mark.slow
def test_nodes_that_go_and_come(nodes, rules, monkeypatch):
    monkeypatch.setattr("reward_fn.hosting.rules._LOOK_S", 0.5)
    cluster, second = nodes
    at_work = submitted(20, jobs.actor_of, 0.2)
    time.sleep(0.2)
    cluster.remove_node(second, allow_graceful=False)
    left = {job.result(60) for job in at_work}
    cluster.add_node(num_cpus=2)
    deadline = time.monotonic() + 60
    while len(found := set(actors(8, 0.05))) < 2 or found <= left:
        assert time.monotonic() < deadline
