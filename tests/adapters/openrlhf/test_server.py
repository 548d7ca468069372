"""`rm-train serve` as a process, asked as OpenRLHF 0.11 and its older versions ask."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import pytest
import requests

sys.path.insert(0, str(Path(__file__).parents[2] / "judges"))

from scripted_endpoint import Endpoint

PROMPT = "<|im_start|>user\nHow many moons has Mars?<|im_end|>\n<|im_start|>assistant\n"


@contextmanager
def served(*arguments):
    """Serve a reward; yields the process and the URL."""
    command = [sys.executable, "-m", "rm_train.cli", "serve", *arguments, "--port", "0"]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1", "OPENAI_API_KEY": "none"},
    )
    try:
        line = process.stdout.readline()
        assert " at http://127.0.0.1:" in line, process.stderr.read()
        yield process, line.split(" at ")[1].split(",")[0]
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def raising():
    with served("string_match", "--set", "mode=contains", "--on-failure", "raise", "--max-mb", "1") as (_, url):
        yield url


@pytest.fixture(scope="module")
def endpoint():
    server = Endpoint(lambda _: "<reason>So it is.</reason><score>3</score>", latency=0.5)
    yield server
    server.close()


@pytest.fixture(scope="module")
def judging(endpoint, tmp_path_factory):
    """A mix of a rule and a judge that takes half a second; failures get -1."""
    mix = tmp_path_factory.mktemp("served") / "mix.yaml"
    llm = {"model": "scripted", "base_url": endpoint.url, "max_retries": 0}
    parts = {
        "match": {"reward": "string_match", "mode": "contains"},
        "judge": {"reward": "pointwise_judge", "llm": llm},
    }
    mix.write_text(json.dumps({"reward": "weighted_sum", "parts": parts}))
    with served(str(mix), "--on-failure", "constant:-1", "--scores", "match") as (_, url):
        yield url


def asked(*answers, label="two moons"):
    count = len(answers)
    return {"query": [f"{PROMPT}{one}<|im_end|>" for one in answers], "prompts": [PROMPT] * count,
            "labels": [label] * count}  # fmt: skip


def stats(url):
    return requests.get(url.replace("get_reward", "stats"), timeout=10).json()


async def fetch(url, *payloads):
    """Ask as `SingleTurnAgentExecutor._fetch_rewards_via_http` does: a session for each question, all at once."""
    timeout = aiohttp.ClientTimeout(total=180)

    async def post(payload):
        async with aiohttp.ClientSession(timeout=timeout) as session, session.post(url, json=payload) as response:
            response.raise_for_status()
            return await response.json()

    return await asyncio.gather(*map(post, payloads))


def test_the_protocol_of_openrlhf(raising):
    right, wrong = asyncio.run(fetch(raising, asked("It has two moons."), asked("One.")))
    for reply, score in ((right, 1.0), (wrong, 0.0)):
        assert (reply["rewards"], reply["scores"], reply["failures"]) == ([score], [score], [])
        assert reply["extra_logs"].keys() == {"reward/failed", "reward/seconds"}


def test_the_client_of_older_versions(raising):
    """`request_api_wrapper`: requests, several questions, the key `rewards`."""
    headers = {"Content-Type": "application/json"}
    response = requests.post(url=raising, json=asked("two moons", "one"), headers=headers, timeout=180)
    response.raise_for_status()
    assert response.json()["rewards"] == [1.0, 0.0]


@pytest.mark.parametrize(
    ("body", "field", "problem"),
    [
        ("{", "body", "Invalid JSON"),
        ("[]", "body", "object"),
        ({"query": ["x"]}, "prompts", "required"),
        ({**asked("x"), "query": "x"}, "query", "valid array"),
        ({**asked("x"), "query": [1]}, "query.0", "string"),
        ({**asked("x"), "labels": ["a", "b"]}, "labels", "there are 2, and 1 in query"),
        ({**asked("x"), "prompts": []}, "prompts", "there are 0, and 1 in query"),
    ],
)
def test_a_broken_request_is_told_its_field(raising, body, field, problem):
    response = requests.post(raising, data=body if isinstance(body, str) else json.dumps(body), timeout=10)
    assert response.status_code == 422
    found = {one["field"]: one["problem"] for one in response.json()["detail"]}
    assert problem in found[field]


@pytest.mark.parametrize("chunked", [False, True])
def test_a_request_that_is_too_large_is_not_read(raising, chunked):
    body = json.dumps(asked("x" * 2**21)).encode()
    try:
        response = requests.post(raising, data=iter([body]) if chunked else body, timeout=10)
    except requests.ConnectionError:
        return  # hung up on while it still sends
    assert response.status_code == 413
    assert response.json() == {"detail": "the request is larger than 1048576 bytes"}


def test_a_failure_is_an_error_with_its_reason(raising):
    before = stats(raising)["failed"].get("bad_input", 0)
    response = requests.post(raising, json=asked("two moons", "one", label=None), timeout=10)
    assert response.status_code == 500
    told = response.json()
    assert told["detail"].startswith("2 of 2 answers have no score (2 x bad_input); the first: ")
    assert [(one["index"], one["kind"], one["retriable"]) for one in told["failures"]] == [
        (0, "bad_input", False), (1, "bad_input", False)
    ]  # fmt: skip
    assert "rewards" not in told
    assert stats(raising)["failed"]["bad_input"] == before + 2


def test_nothing_on_the_way_in_makes_a_score_that_is_no_number(raising):
    response = requests.post(raising, data=json.dumps(asked("nan", label=float("nan"))), timeout=10)
    assert response.json()["rewards"] == [1.0]


def test_health(raising):
    response = requests.get(raising.replace("get_reward", "health"), timeout=10)
    assert response.json() == {"status": "ok", "reward": "string_match"}


def test_judges_of_many_requests_are_waited_for_together(judging, endpoint):
    endpoint.most_in_flight = 0
    replies = asyncio.run(fetch(judging, *(asked(f"two moons {number}") for number in range(40))))
    assert {reply["scores"][0] for reply in replies} == {1.0}
    assert {reply["extra_logs"]["reward/judge"][0] for reply in replies} == {3.0}
    assert endpoint.most_in_flight > 20


def test_a_failure_gets_the_number_that_was_named_and_is_counted(judging, endpoint):
    before = stats(judging)
    script, endpoint.script = endpoint.script, lambda _: "I would rather not say."
    try:
        (reply,) = asyncio.run(fetch(judging, asked("two moons again")))
    finally:
        endpoint.script = script
    assert reply["rewards"] == [-1.0]
    assert reply["extra_logs"]["reward/failed"] == [1.0]
    assert [one["kind"] for one in reply["failures"]] == ["unparseable"]
    after = stats(judging)
    assert after["failed"].get("unparseable", 0) == before["failed"].get("unparseable", 0) + 1
    assert after["answers"] == before["answers"] + 1
    assert after["in_flight"] == 0


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_answers_what_is_in_flight(endpoint, stop):
    llm = json.dumps({"model": "scripted", "base_url": endpoint.url})
    with served("pointwise_judge", "--set", f"llm={llm}", "--on-failure", "raise") as (process, url):

        async def ask_and_stop():
            question = asyncio.create_task(fetch(url, asked(f"an answer {stop}")))
            while stats(url)["in_flight"] == 0:
                await asyncio.sleep(0.02)
            process.send_signal(stop)
            return await question

        (reply,) = asyncio.run(ask_and_stop())
        assert reply["rewards"] == [3.0]
        assert process.wait(20) == 0
        last = process.stdout.read()
        assert last.startswith("stopped: ")
        assert json.loads(last.removeprefix("stopped: "))["requests"] == {"200": 1}
        assert not process.stderr.read()


def test_a_port_that_is_taken_is_said():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        command = [sys.executable, "-m", "rm_train.cli", "serve", "string_match", "--on-failure", "raise", "--port"]
        done = subprocess.run([*command, str(taken.getsockname()[1])], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "in use" in done.stderr and "Traceback" not in done.stderr
