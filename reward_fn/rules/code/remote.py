"""Runs programs on a SandboxFusion server (github.com/bytedance/SandboxFusion), which verl speaks to as well.

One request runs one program. What asks a program for values is sent along with it as a text, and its reports come back
at the end of what is printed, after a mark that nobody can know.
"""

from __future__ import annotations

import asyncio
import inspect
import secrets
from functools import cache
from typing import Any
from weakref import WeakKeyDictionary

import httpx
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from reward_fn.rules.code.sandbox import driver, values
from reward_fn.rules.code.sandbox.driver import Task
from reward_fn.rules.code.sandbox.limits import Ending, Limits, Outcome
from reward_fn.schema import FailureKind, RewardError

ATTEMPTS = 4
"""How often a request is made that the server or the way to it has failed."""
_MARGIN_S = 20.0
"""How long a request may take beyond its program's time: the server has a queue."""

_PROGRAM = """
import sys, types
for name, source in {modules!r}.items():
    module = sys.modules[name] = types.ModuleType(name)
    exec(source, module.__dict__)
from {driver} import Step, Task, perform
reports, told, printed = [], {task!r}, sys.stdout
told["steps"] = [(Step(kind), source) for kind, source in told["steps"]]
try:
    perform(Task(**told), reports.append)
finally:
    sys.stdout.flush()
    printed.write("\\n" + "\\n".join([{mark!r}, *reports]))
    printed.flush()
"""


class _Session:
    """The client and the limit of requests of one event loop."""

    def __init__(self, concurrency: int) -> None:
        self.client = httpx.AsyncClient(limits=httpx.Limits(max_connections=None))
        self.free = asyncio.Semaphore(concurrency)


_sessions: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[str, int], _Session]] = WeakKeyDictionary()


async def execute(url: str, task: Task, limits: Limits, concurrency: int) -> Outcome:
    """Run a task on a server.

    Args:
        url: The server's `run_code`.
        task: The program and what is asked of it.
        limits: What it may take; the server takes the time by the clock and the memory, the rest is its own.
        concurrency: How many requests this process makes to the server at a time.

    Raises:
        RewardError: The server cannot be reached or could not run it.
    """
    sessions = _sessions.setdefault(asyncio.get_running_loop(), {})
    if (url, concurrency) not in sessions:
        sessions[url, concurrency] = _Session(concurrency)
    session = sessions[url, concurrency]
    mark = secrets.token_hex(16)
    request = {
        "code": _source(task, mark),
        "stdin": task.stdin,
        "language": "python",
        "compile_timeout": limits.wall_s,
        "run_timeout": limits.wall_s,
        "memory_limit_MB": limits.memory_bytes >> 20,
        "files": {},
        "fetch_files": [],
    }
    try:
        async with session.free:
            answer = await _post(session.client, url, request, limits.wall_s + _MARGIN_S)
    except (httpx.HTTPError, ValueError) as error:
        kind = FailureKind.TIMEOUT if isinstance(error, httpx.TimeoutException) else FailureKind.UNAVAILABLE
        retriable = isinstance(error, httpx.TransportError)
        raise RewardError(kind, f"{url}: {str(error) or type(error).__name__}", retriable=retriable) from error
    if not isinstance(answer, dict) or not isinstance(answer.get("status"), str):
        raise RewardError(FailureKind.UNAVAILABLE, f"{url}: the answer is not SandboxFusion's")
    return _outcome(answer, mark, limits)


@retry(
    retry=retry_if_exception_type(httpx.TransportError),
    stop=stop_after_attempt(ATTEMPTS),
    wait=wait_random_exponential(0.5, max=8),
    reraise=True,
)
async def _post(client: httpx.AsyncClient, url: str, request: dict[str, Any], timeout_s: float) -> Any:  # noqa: ANN401
    """Make a request, and again if the server is busy or the connection breaks."""
    response = await client.post(url, json=request, timeout=timeout_s)
    if response.status_code == httpx.codes.TOO_MANY_REQUESTS or response.is_server_error:
        raise httpx.TransportError(f"status {response.status_code}")
    response.raise_for_status()
    return response.json()


def _outcome(answer: dict[str, Any], mark: str, limits: Limits) -> Outcome:
    run = answer.get("run_result")
    if answer["status"] not in ("Success", "Failed") or not isinstance(run, dict):
        detail = f"the sandbox server could not run it: {answer['status']} {answer.get('message') or ''}".strip()
        raise RewardError(FailureKind.UNAVAILABLE, detail, retriable=True)
    printed, _, reports = str(run.get("stdout") or "").partition(f"\n{mark}")
    detail = str(run.get("stderr") or "")
    if run.get("status") == "TimeLimitExceeded":
        ending = Ending.TIMEOUT
    elif run.get("status") != "Finished" or run.get("return_code") != 0:
        ending = Ending.ERROR
    elif len(printed) > limits.output_bytes:
        ending, printed = Ending.OUTPUT, ""
    else:
        ending = Ending.DONE
    return Outcome(ending, printed, tuple(reports.strip().splitlines()), detail)


def _source(task: Task, mark: str) -> str:
    told = {**vars(task), "steps": [(kind.value, source) for kind, source in task.steps]}
    return _PROGRAM.format(modules=_modules(), driver=driver.__name__, task=told, mark=mark)


@cache
def _modules() -> dict[str, str]:
    """Return what the driver consists of: names of modules and their sources, packages first."""
    parts = driver.__name__.split(".")
    packages = {".".join(parts[:length]): "__path__ = []" for length in range(1, len(parts))}
    return packages | {module.__name__: inspect.getsource(module) for module in (values, driver)}
