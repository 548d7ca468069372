"""A server without Ray: it comes back, fails with its last words, and ends with its process, however that ends."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from reward_fn import OpenaiLLM
from reward_fn.hosting.models import server
from reward_fn.hosting.models.attach import attach_models
from reward_fn.hosting.models.settings import ModelSettings
from reward_fn.judges.llm.hosted import use_models
from reward_fn.schema import FailureKind, RewardError


@pytest.fixture
def llm(engine, monkeypatch):
    monkeypatch.setattr(server, "_PAUSE_S", 0.05)
    yield lambda **fields: _llm(engine, **fields)
    use_models(None)


def _llm(engine, **fields):
    settings = ModelSettings(**{"path": "/models/judge", "python": engine, **fields})
    attach_models({"judge": settings})
    return OpenaiLLM(model="judge", hosted=True)


def said(llm, what="who"):
    return json.loads(llm.simple_chat(what))


def alive(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def until(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_one_process_hosts_a_model_by_itself(llm, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # for the world outside
    judge = llm(arguments=["--max-model-len", "4096"])
    first = said(judge)
    assert first["arguments"][:4] == ["-m", "vllm.entrypoints.openai.api_server", "--model", "/models/judge"]
    assert first["arguments"][-2:] == ["--max-model-len", "4096"]
    # Attached again, as each reward of a run does, it is the same one.
    assert said(llm(arguments=["--max-model-len", "4096"]))["pid"] == first["pid"]
    os.kill(first["pid"], signal.SIGKILL)
    second = said(judge)
    assert second["pid"] != first["pid"] and not alive(first["helper"])
    assert judge.usage.retries <= 3


def test_an_unknown_name_is_told_the_known_ones(llm):
    llm()
    with pytest.raises(RewardError, match="no model jugde is hosted for this process, but judge"):
        OpenaiLLM(model="jugde", hosted=True).simple_chat("?")


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        (
            {"arguments": ["--fail", "no such model"]},
            "vllm ended with status 1, 3 times; its last lines:\n.*no such model",
        ),
        ({"python": "/no/python"}, "(?s)vllm ended with status 1, 3 times; .*No such file"),
        ({"logs": "/proc/none"}, "it cannot be started here"),
    ],
)
def test_a_server_that_does_not_start_says_why(llm, fields, told):
    judge = llm(**fields)
    for _ in range(2):
        with pytest.raises(RewardError, match=told) as caught:
            said(judge)
        assert caught.value.failure.kind is FailureKind.UNAVAILABLE


def test_a_server_that_takes_too_long_says_so(llm, engine, tmp_path):
    slow = tmp_path / "python"
    slow.write_text("#!/bin/sh\nsleep 60\n")
    slow.chmod(0o755)
    with pytest.raises(RewardError, match=r"vllm was not ready within start_s of 0\.3 s, 3 times"):
        said(llm(python=slow, start_s=0.3))


def test_its_log_is_kept_where_it_is_asked_for(llm, tmp_path):
    with pytest.raises(RewardError, match="broken"):
        said(llm(arguments=["--fail", "broken"], logs=tmp_path / "logs"))
    assert (tmp_path / "logs" / "judge.log").read_text() == "broken\n" * server.TRIES


HOST = """
import sys
from reward_fn import OpenaiLLM
from reward_fn.hosting.models.attach import attach_models
from reward_fn.hosting.models.settings import ModelSettings
attach_models({"judge": ModelSettings(path="/models/judge", python=sys.argv[1])})
print(OpenaiLLM(model="judge", hosted=True).simple_chat("who"), flush=True)
input()
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, "normally"])
def test_nothing_outlives_the_process_that_hosts(engine, how):
    run = subprocess.Popen(
        [sys.executable, "-c", HOST, engine], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        text=True, cwd=Path.cwd(), env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )  # fmt: skip
    first = json.loads(run.stdout.readline())
    assert alive(first["pid"]) and alive(first["helper"])
    if how == "normally":
        run.communicate("\n", timeout=30)
    else:
        run.send_signal(how)
    run.wait(30)
    until(lambda: not alive(first["pid"]) and not alive(first["helper"]))
