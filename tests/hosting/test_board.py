"""What several processes score stands on one board, and in Ray's metrics; nothing holds up a reward for it."""

import asyncio
import os
import re
import signal
import time
import urllib.request
from collections import Counter
from contextlib import suppress

import pytest
import ray
from board_workers import EVERY_S, GONE_S, Scoring

from reward_fn.hosting.attach import HostingSettings
from reward_fn.hosting.board import ACTOR, attach_board
from reward_fn.hosting.board_actor import Board, Report
from reward_fn.hosting.sketch import Sketch
from reward_fn.hosting.tally import Tally, Took
from reward_fn.judges.llm.traffic import Traffic

KEY = "string_match", "default"


def test_a_process_that_is_not_in_a_cluster_is_refused():
    with pytest.raises(RuntimeError, match="not connected to Ray"):
        attach_board()


def test_a_config_may_do_without_it():
    assert HostingSettings(board=False).board is None
    assert HostingSettings().board.every_s == 1.0
    assert HostingSettings(board={"gone_s": 5}).board.gone_s == 5


def report(in_flight=0, scored=0, waiting=0, requests=0, model="org/m", seconds=()):
    sketch = Sketch()
    for one in seconds:
        sketch.add(one)
    tally = Tally(in_flight, scored, Counter(timeout=1), sketch, Took(queue_s=1.0, tokens=10))
    traffic = Traffic(waiting=waiting, in_flight=in_flight, requests=requests, out=waiting > 0)
    return Report({KEY: tally}, {(model, "http://e/v1"): traffic})


def test_the_sums_are_those_of_the_last_reports_of_all():
    async def work():
        board = Board(gone_s=60, every_s=1)
        await board.report("a", "n:1", report(scored=1, seconds=[1.0]))
        await board.report("a", "n:1", report(scored=3, in_flight=2, requests=4, seconds=[1.0] * 3))
        await board.report("b", "n:2", report(scored=5, in_flight=1, requests=6, waiting=7, seconds=[9.0] * 5))
        return await board.view(), await board.status()

    view, status = asyncio.run(work())
    tally, traffic = view.rewards[KEY], view.endpoints["org/m", "http://e/v1"]
    assert (tally.scored, tally.in_flight, dict(tally.failures)) == (8, 3, {"timeout": 2})
    assert (tally.total.queue_s, tally.total.tokens) == (2.0, 20)
    assert tally.seconds.quantile(0.3) == pytest.approx(1.0, rel=0.051)
    assert tally.seconds.quantile(0.9) == pytest.approx(9.0, rel=0.051)
    assert (traffic.requests, traffic.in_flight, traffic.waiting, traffic.out) == (10, 3, 7, True)
    assert [(one.name, one.gone) for one in view.processes] == [("n:1", False), ("n:2", False)]
    assert status == {"processes": 2, "gone": 0, "answers": 8}


def test_who_is_gone_is_at_nothing_and_what_it_did_stays():
    async def work():
        board = Board(gone_s=0.1, every_s=1)
        await board.report("a", "n:1", report(scored=3, in_flight=2, waiting=1))
        await asyncio.sleep(0.2)
        await board.report("b", "n:2", report(scored=5, in_flight=1))
        return await board.view(), await board.step()

    view, step = asyncio.run(work())
    tally, traffic = view.rewards[KEY], view.endpoints["org/m", "http://e/v1"]
    assert (tally.scored, tally.in_flight, traffic.in_flight, traffic.waiting, traffic.out) == (8, 1, 1, 0, False)
    assert [one.gone for one in view.processes] == [True, False]
    assert (step["processes"], step["gone"]) == (1, 1)


def test_a_step_s_figures_are_those_since_the_last():
    async def work():
        board = Board(gone_s=60, every_s=0.02)
        steps = [await board.step()]
        for in_flight, requests in ((2, 4), (9, 20), (1, 21)):
            await board.report("a", "n:1", report(in_flight=in_flight, requests=requests))
            await asyncio.sleep(0.03)
        steps.append(await board.step())
        await board.report("a", "n:1", report(in_flight=3, requests=23, waiting=1))
        return [*steps, await board.step()]

    empty, first, second = asyncio.run(work())
    assert empty == {"processes": 0, "gone": 0, "in_flight_max": 0}
    assert (first["in_flight_max"], first["org.m/in_flight_max"], first["org.m/requests"]) == (9, 9, 21)
    assert (second["in_flight_max"], second["org.m/requests"], second["org.m/waiting_max"]) == (3, 2, 1)
    assert (first["org.m/out"], second["org.m/out"]) == (0, 1)


@pytest.fixture
def workers(cluster):
    """Makes processes that score."""
    started = []

    def start(count, **kwargs):
        new = [ray.remote(num_cpus=0)(Scoring).remote(**kwargs) for _ in range(count)]
        ray.get([one.process.remote() for one in new], timeout=60)
        started.extend(new)
        return new

    yield start
    for one in started:
        ray.kill(one)
    for name in ray.util.list_named_actors():
        with suppress(ValueError):  # it went with the process that made it
            ray.kill(ray.get_actor(name))


def view():
    try:
        return ray.get(ray.get_actor(ACTOR).view.remote(), timeout=10)
    except (ValueError, ray.exceptions.RayError):
        return None


def until(true, seconds=30.0):
    deadline = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def answers():
    found = view()
    return found.rewards[KEY].seconds.counts.total() if found and KEY in found.rewards else 0


def test_two_processes_stand_on_one_board(workers):
    first, second = workers(2)
    ray.get([first.score.remote(10, failed=2), second.score.remote(5, wrong=1)], timeout=60)
    until(lambda: answers() == 18)
    found = view()
    assert (found.rewards[KEY].scored, dict(found.rewards[KEY].failures)) == (16, {"bad_input": 2})
    assert len(found.processes) == 2 and found.rewards[KEY].in_flight == 0
    assert len({one.name for one in found.processes}) == 2


def test_what_is_at_work_is_seen_meanwhile(workers):
    (worker,) = workers(1)
    waiting = worker.wait.remote(7, 8 * EVERY_S)
    until(lambda: (found := view()) and KEY in found.rewards and found.rewards[KEY].in_flight == 7)
    assert ray.get(waiting, timeout=30) == 7
    until(lambda: view().rewards[KEY].in_flight == 0)
    step = ray.get(worker.step.remote(), timeout=30)
    assert (step["in_flight_max"], step["processes"], step["unanswered"]) == (7, 1, 0)


def test_who_is_at_something_long_is_not_gone_and_who_is_killed_is(workers):
    patient, killed = workers(2)
    ray.get(patient.score.remote(1), timeout=60)  # the board is its own, and does not go with the other one
    until(lambda: answers() == 1)
    waiting = patient.wait.remote(3, 2 * GONE_S)
    ray.get(killed.score.remote(4), timeout=60)
    killed.wait.remote(2, 60.0)
    until(lambda: view().rewards[KEY].in_flight == 5)
    os.kill(ray.get(killed.process.remote()), signal.SIGKILL)
    until(lambda: view().rewards[KEY].in_flight == 3)
    found = view()
    assert sorted(one.gone for one in found.processes) == [False, True]
    assert found.rewards[KEY].scored == 5  # what it had scored stays
    assert ray.get(waiting, timeout=60) == 3


def test_a_board_that_is_killed_is_made_again_and_nothing_is_lost(workers):
    both = workers(2)
    ray.get([one.score.remote(10) for one in both], timeout=60)
    until(lambda: answers() == 20)
    pid = ray.get(ray.get_actor(ACTOR).__ray_call__.remote(lambda _: os.getpid()))
    os.kill(pid, signal.SIGKILL)
    start = time.monotonic()
    ray.get([one.score.remote(1) for one in both], timeout=60)
    assert time.monotonic() - start < 5  # no reward waits for the board
    until(lambda: answers() == 22)


@pytest.mark.slow
def test_a_board_that_went_with_the_process_that_made_it_is_made_by_another(workers):
    (maker,) = workers(1)
    ray.get(maker.score.remote(3), timeout=60)
    until(lambda: answers() == 3)
    (heir,) = workers(1)
    ray.get(heir.score.remote(4), timeout=60)
    until(lambda: answers() == 7)
    os.kill(ray.get(maker.process.remote()), signal.SIGKILL)
    until(lambda: answers() == 4, 60.0)  # those of the process that is gone went with its board
    ray.get(heir.score.remote(1), timeout=60)
    until(lambda: answers() == 5)


def test_a_board_that_does_not_answer_costs_a_step_a_moment_and_a_reward_nothing(workers):
    (worker,) = workers(1)
    ray.get([worker.score.remote(3), worker.impatient.remote()], timeout=60)
    until(lambda: answers() == 3)
    pid = ray.get(ray.get_actor(ACTOR).__ray_call__.remote(lambda _: os.getpid()))
    os.kill(pid, signal.SIGSTOP)
    try:
        start = time.monotonic()
        assert ray.get(worker.step.remote(), timeout=30) == {"unanswered": 1}
        assert len(ray.get(worker.score.remote(100), timeout=30)) == 100
        assert time.monotonic() - start < 3
    finally:
        os.kill(pid, signal.SIGCONT)
    until(lambda: answers() == 103)
    assert ray.get(worker.step.remote(), timeout=30)["processes"] == 1


def prometheus():
    """Read what the nodes offer: (name, tags of ours) -> value."""
    found = {}
    for node in ray.nodes():
        url = f"http://{node['NodeManagerAddress']}:{node['MetricsExportPort']}/metrics"
        with urllib.request.urlopen(url, timeout=10) as response:
            text = response.read().decode()
        for name, tags, value in re.findall(r"^ray_(reward_fn_\w+)\{(.*)\} (\S+)$", text, re.M):
            labels = dict(re.findall(r'(\w+)="([^"]*)"', tags))
            key = name, *(labels[tag] for tag in ("reward", "route", "kind", "model", "le") if tag in labels)
            found[key] = found.get(key, 0) + float(value)
    return found


def test_prometheus_reads_the_same(workers):
    first, second = workers(2, reward={"reward": "string_match", "name": "metered"})
    ray.get([first.score.remote(10, failed=2), second.score.remote(5)], timeout=60)
    reward = "metered", "default"
    until(lambda: prometheus().get(("reward_fn_samples_total", *reward, "scored")) == 15, 60)
    found = {key: value for key, value in prometheus().items() if key[1:3] == reward}
    assert found[("reward_fn_samples_total", *reward, "bad_input")] == 2
    assert found[("reward_fn_seconds_count", *reward)] == 17
    assert found[("reward_fn_seconds_bucket", *reward, "+Inf")] == 17
    assert found[("reward_fn_in_flight", *reward)] == 0
    assert 0 < found[("reward_fn_scoring_seconds_total", *reward)] < 60
