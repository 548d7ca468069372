"""`rm-train rewards status` beside a running cluster with real rewards, and where there is none."""

import asyncio
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
import ray
from board_workers import Busy, Mute, Scoring
from click.testing import CliRunner
from cohort_workers import counting
from rich.console import Console
from scripted_endpoint import Endpoint

from reward_fn.hosting.actors import named_actor
from reward_fn.hosting.board import ACTOR
from reward_fn.hosting.board_actor import Board, Process
from reward_fn.hosting.cohort import ClusterCohort
from reward_fn.hosting.cohort_actor import Cohort
from reward_fn.hosting.status import ActorStatus, EndpointStatus, JobStatus, RewardStatus, cluster_status
from reward_fn.schema import RewardResult
from rm_train.cli import main
from rm_train.status.tables import status_view

GOOD = "<reason>so</reason><score>3</score>"


def shown(*jobs, width=200):
    console = Console(width=width, file=io.StringIO())
    console.print(status_view(jobs))
    return console.file.getvalue()


REWARD = RewardStatus(
    "judge", "default", 3, 1200, {"timeout": 2, "refusal": 1}, 0.25, 1.5, 1200.0, 0.5, 0.0004, 0.25, 123456, 1.5
)


def test_the_tables_have_what_matters():
    endpoint = EndpointStatus("m[b]", "http://e/v1", 1, 2, 3, 4, {"server_error": 5}, 6, 0.5, True)
    actors = [
        ActorStatus("reward_fn cache", "alive", "10.0.0.1", 7, {"asked": 12345, "share": 0.123456, "word": "[x]"}),
        ActorStatus("reward_fn board", "no answer in 5 s", "", 0, {}),
    ]
    processes = [Process("10.0.0.1:1", 0.5, False), Process("10.0.0.2:2", 45.2, True)]
    text = shown(JobStatus("ns", "01", [REWARD], [endpoint], processes, actors))
    for told in (
        "job 01, namespace ns", "3: 2 timeout, 1 refusal", "250 ms", "1.5 s", "1,200 s", "0.4 ms", "25%", "123,456",
        "$1.50", "m[b]", "5 server_error", "out", "1 process reports; gone: 10.0.0.2:2, silent for 45 s",
        "asked: 12,345; share: 0.1235; word: [x]", "no answer in 5 s",
    ):  # fmt: skip
        assert told in text, (told, text)


def test_nothing_is_said_to_be_nothing():
    assert "no rewards run here" in shown()


def test_without_a_word_more_all_rewards_are_listed():
    done = CliRunner().invoke(main, ["rewards"])
    assert done.exit_code == 0 and "math_verify_reward" in done.output
    assert "status" in CliRunner().invoke(main, ["rewards", "--help"]).output


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("nonsense", "nonsense is no address; .* write --address HOST:PORT"),
        ("127.0.0.1:1", r"nothing answers at 127\.0\.0\.1:1 .*; call this on a node of the cluster"),
    ],
)
def test_a_wrong_address_is_told(address, said):
    done = CliRunner().invoke(main, ["rewards", "status", "--address", address])
    assert done.exit_code == 1
    assert re.search(said, done.output)


def test_what_is_no_ray_is_told_soon():
    server = Endpoint()
    try:
        start = time.monotonic()
        done = CliRunner().invoke(main, ["rewards", "status", "--address", f"127.0.0.1:{server.port}"])
        assert time.monotonic() - start < 20
    finally:
        server.close()
    assert done.exit_code == 1 and "is no Ray cluster" in done.output


@pytest.fixture
def endpoint():
    server = Endpoint(lambda _: GOOD)
    yield server
    server.close()


def status(address, *options, text=True):
    command = [sys.executable, "-m", "rm_train.cli", "rewards", "status", "--address", address, *options]
    environment = {**os.environ, "COLUMNS": "220", "PYTHONPATH": str(Path(__file__).parent)}
    return subprocess.run(command, capture_output=True, text=text, timeout=120, env=environment)


def until(true, seconds=60.0):
    deadline = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return found


def test_a_cluster_without_rewards_says_so(cluster):
    done = status(cluster)
    assert done.returncode == 0, done.stderr
    assert "no rewards run here" in done.stdout
    assert json.loads(status(cluster, "--json").stdout) == []


@pytest.fixture
def running(cluster, endpoint, tmp_path):
    """Two processes that judge through everything that is hosted, a cohort in which one waits, and one that hangs."""
    llm = {"model": "org/judge", "base_url": endpoint.url, "api_key": "k", "requests_per_minute": 6000, "cache": True}
    llm |= {"input_price": 10_000, "output_price": 50_000}
    parts = {"opinion": {"reward": "pointwise_judge", "llm": llm}, "right": "math_verify_reward"}
    hosting = {"board": {"every_s": 0.2}, "cache": True, "rules": {"workers": 1}}
    reward = {"reward": "weighted_sum", "name": "mix", "parts": parts}
    workers = [ray.remote(num_cpus=0)(Scoring).remote(reward=reward, hosting=hosting) for _ in range(2)]
    formulas = r"\frac{2}{\sqrt{2}}", r"\sqrt{3}", r"\sqrt{2}"  # worker processes compare them
    ray.get([one.score.remote(4, wrong=2, texts=formulas) for one in workers], timeout=120)
    cohort = ClusterCohort("reward_fn cohort of a test", partial(counting, tmp_path / "groups"), 60.0)
    named_actor(Busy, "reward_fn busy", max_concurrency=1)
    named_actor(Mute, "reward_fn mute", max_concurrency=1)
    yield workers, cohort
    for one in workers:
        ray.kill(one)
    for name in ray.util.list_named_actors():
        with suppress(ValueError):  # it went with the process that made it
            ray.kill(ray.get_actor(name))


def test_real_rewards_are_shown_and_told_as_json(cluster, running):
    _, cohort = running

    async def work():
        waiting = asyncio.ensure_future(cohort.join("g", "0", 2, "a"))
        there = ray.get_actor("reward_fn cohort of a test")
        while (await there.status.remote())["answers"] == 0:
            await asyncio.sleep(0.1)
        answers = await asyncio.gather(*(asyncio.to_thread(status, cluster, *options) for options in ([], ["--json"])))
        waiting.cancel()
        return answers

    table, line = asyncio.run(work())
    assert table.returncode == line.returncode == 0, table.stderr + line.stderr
    (job,) = json.loads(line.stdout)
    (reward,) = job["rewards"]
    assert (reward["reward"], reward["route"], reward["scored"], reward["failures"]) == ("mix", "default", 12, {})
    assert (reward["tokens"], reward["cost"]) == (240, pytest.approx(4.0))  # two answers that are asked about once each
    assert reward["hits"] == pytest.approx(10 / 12) and 0 < reward["p50_s"] <= reward["p95_s"] <= reward["p99_s"]
    assert reward["work_s"] > 0 and reward["queue_s"] > 0
    (endpoint,) = job["endpoints"]
    assert (endpoint["model"], endpoint["requests"], endpoint["out"]) == ("org/judge", 2, False)
    assert [one["gone"] for one in job["processes"]] == [False, False]
    actors = {one["name"]: one for one in job["actors"]}
    assert actors.pop("reward_fn busy")["state"].startswith("no answer in")
    assert actors.pop("reward_fn mute")["state"].startswith("AttributeError: ")
    assert all(one["state"] == "alive" and one["node"] and one["process"] for one in actors.values()), actors
    facts = {" ".join(name.split()[1:2]): one["facts"] for name, one in actors.items()}
    assert facts.keys() == {"board", "cache", "cohort", "limits", "rules"}
    assert facts["cohort"] == {"groups": 1, "answers": 1, "judged": 0, "late": 0}
    assert facts["rules"] == {"workers": 1, "at_work": 0, "waiting": 0}
    assert (facts["cache"]["put"], facts["cache"]["failures"], facts["cache"]["making"]) == (2, 0, 0)
    assert facts["cache"]["size"] > 100
    (limits,) = facts["limits"].values()
    assert re.fullmatch("[012] clients, 0 in flight, 0 waiting, open", limits)  # who is idle for long is forgotten
    for told in ("mix", "org/judge", "$4.00", "2 processes report", "reward_fn cohort of a test", "no answer in 5 s"):
        assert told in table.stdout


def test_it_is_refreshed_until_it_is_stopped(cluster, running):
    workers, _ = running
    command = [sys.executable, "-m", "rm_train.cli", "rewards", "status", "--address", cluster]
    with subprocess.Popen([*command, "--json", "--watch", "0.2"], stdout=subprocess.PIPE, text=True) as watching:
        first = json.loads(watching.stdout.readline())
        ray.get(workers[0].score.remote(5), timeout=60)
        later = until(lambda: (now := json.loads(watching.stdout.readline()))[0]["rewards"][0]["scored"] == 17 and now)
        watching.send_signal(signal.SIGINT)
        watching.wait(30)
    assert first[0]["rewards"][0]["scored"] == 12 and later
    assert watching.returncode == 130


def test_namespaces_are_told_apart(cluster):
    for namespace in ("one", "two"):
        options = {"name": ACTOR, "namespace": namespace, "lifetime": "detached", "num_cpus": 0}
        ray.remote(Board).options(**options).remote(30.0, 1.0)
    found = until(lambda: (jobs := cluster_status(20.0)) and len(jobs) >= 2 and jobs)
    assert [job.namespace for job in found if job.namespace in ("one", "two")] == ["one", "two"]
    for namespace in ("one", "two"):
        ray.kill(ray.get_actor(ACTOR, namespace=namespace))


def test_a_cohort_tells_what_waits_was_judged_and_came_late():
    async def work():
        async def judge(answers):
            await asyncio.sleep(0.1)
            return [RewardResult.of("r", 1.0) for _ in answers]

        cohort = Cohort(judge, 0.3)
        states = []
        joins = [asyncio.create_task(cohort.join("whole", str(member), 2, "a")) for member in range(2)]
        joins.append(asyncio.create_task(cohort.join("alone", "0", 2, "a")))
        for seconds in (0.05, 0.35):
            await asyncio.sleep(seconds)
            states.append(cohort.status())
        await asyncio.gather(*joins)
        await cohort.join("whole", "late", 2, "a")
        return [*states, cohort.status()]

    assert asyncio.run(work()) == [
        {"groups": 2, "answers": 3, "judged": 0, "late": 0},
        {"groups": 0, "answers": 0, "judged": 1, "late": 1},
        {"groups": 0, "answers": 0, "judged": 1, "late": 2},
    ]
