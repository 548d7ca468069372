"""A server that speaks SandboxFusion's protocol over loopback, and runs what it is sent with this Python."""

import asyncio
import json
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from sandbox_runs import machine_isolates

from reward_fn.rules.code.execution import CodeExecutionReward
from reward_fn.schema import DataOutput, DataSample, FailureKind, Step

pytestmark = pytest.mark.skipif(not machine_isolates(), reason="this machine does not allow namespaces")

ADD = "```python\ndef add(a, b):\n    print('noise')\n    return a + b\n```"


class Fusion(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append(request)
        with self.server.lock:
            self.server.at_once += 1
            self.server.most_at_once = max(self.server.most_at_once, self.server.at_once)
        answer = self.server.answers.pop(0) if self.server.answers else run(request)
        with self.server.lock:
            self.server.at_once -= 1
        status, body = answer if isinstance(answer, tuple) else (200, answer)
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_): ...


def run(request):
    assert request["language"] == "python"
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-c", request["code"]],
            input=request["stdin"], capture_output=True, text=True, timeout=request["run_timeout"],
        )  # fmt: skip
        result = {"status": "Finished", "return_code": done.returncode, "stdout": done.stdout, "stderr": done.stderr}
    except subprocess.TimeoutExpired:
        result = {"status": "TimeLimitExceeded", "return_code": None, "stdout": "", "stderr": ""}
    worked = result["status"] == "Finished" and result["return_code"] == 0
    return {"status": "Success" if worked else "Failed", "message": "", "compile_result": None, "run_result": result}


@pytest.fixture
def fusion():
    with serving() as server:
        yield server


@contextmanager
def serving():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Fusion)
    server.requests, server.answers, server.lock = [], [], threading.Lock()
    server.at_once = server.most_at_once = 0
    server.url = f"http://127.0.0.1:{server.server_port}/run_code"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def sample_of(answer, tests):
    return DataSample(output=[DataOutput(answer=Step(content=answer, label={"reference": tests}))])


@pytest.mark.parametrize(
    ("answer", "tests", "score"),
    [
        (ADD, ["assert add(1, 2) == 3", "assert add(1, 1) == 3"], 0.5),
        (ADD, "assert add('a\\n', 'b') == 'a\\nb'\nassert add(1, 1) != 3", 1.0),
        (ADD, {"inputs": ["1\n2", "[1]\n[2]"], "outputs": ["3", "[1, 2]"], "fn_name": "add"}, 1.0),
        ("print(Counter(input()))", {"inputs": ["aa"], "outputs": ["Counter({'a': 2})"]}, 1.0),
        ("import sys\nprint(3)\nsys.exit(1)", {"inputs": [""], "outputs": ["3"]}, 0.0),
        ("while True: pass", {"inputs": [""], "outputs": ["3"]}, 0.0),
        ("def add(a, b): return object()", ["assert add(1, 2) == 3"], 0.0),
    ],
)
def test_a_server_gives_the_scores_of_the_sandbox_here(fusion, answer, tests, score):
    fields = {"partial_credit": True, "timeout_s": 0.5}
    (remote,) = CodeExecutionReward(sandbox_url=fusion.url, **fields).score(sample_of(answer, tests))
    (local,) = CodeExecutionReward(**fields).score(sample_of(answer, tests))
    assert remote.failure is None
    assert (remote.score, local.score) == (score, score)
    assert fusion.requests


def test_the_right_answers_are_not_sent(fusion):
    (result,) = CodeExecutionReward(sandbox_url=fusion.url).score(sample_of(ADD, ["assert add(1, 2) == 987654"]))
    assert result.score == 0.0
    assert "987654" not in json.dumps(fusion.requests)


@pytest.mark.parametrize("trouble", [(429, b""), (503, b""), (504, b"")])
def test_a_busy_server_is_asked_again(fusion, trouble):
    fusion.answers = [trouble, trouble]
    (result,) = CodeExecutionReward(sandbox_url=fusion.url).score(sample_of(ADD, ["assert add(1, 2) == 3"]))
    assert result.score == 1.0
    assert len(fusion.requests) == 3


@pytest.mark.parametrize(
    ("answers", "retriable", "told"),
    [
        ([(500, b"")] * 4, True, "status 500"),
        ([(404, b"")], False, "404"),
        ([(200, b"<html>")], False, "Expecting value"),
        ([{"hello": 1}], False, "not SandboxFusion's"),
        ([{"status": "SandboxError", "message": "no disk", "run_result": None}], True, "no disk"),
    ],
)
def test_a_server_in_trouble_is_a_failure_and_not_a_score(fusion, answers, retriable, told):
    fusion.answers = answers
    (result,) = CodeExecutionReward(sandbox_url=fusion.url).score(sample_of(ADD, ["assert add(1, 2) == 3"]))
    assert result.score is None
    assert result.failure.kind is FailureKind.UNAVAILABLE
    assert result.failure.retriable is retriable
    assert told in result.failure.detail


def test_a_server_that_is_not_there_is_named():
    with serving() as server:
        url = server.url
    (result,) = CodeExecutionReward(sandbox_url=url).score(sample_of(ADD, ["assert add(1, 2) == 3"]))
    assert result.failure.kind is FailureKind.UNAVAILABLE
    assert url in result.failure.detail


def test_requests_at_a_time_are_limited_in_any_event_loop(fusion):
    reward = CodeExecutionReward(sandbox_url=fusion.url, sandbox_concurrency=2)
    samples = [sample_of(ADD, ["assert add(1, 2) == 3"])] * 8
    for batch in (reward.evaluate_batch(samples), asyncio.run(reward.aevaluate_batch(samples))):
        assert [sample.output[0].answer.reward.score for sample in batch] == [1.0] * 8
    assert fusion.most_at_once == 2
