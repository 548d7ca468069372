"""What the judge pool costs: a client with several endpoints, whose limits are the cluster's. A part of `hosting.py`.

First with endpoints that answer at once, without a network: what is left is the choice of an endpoint, the permit of
the cluster's limiter, the repetition that is not needed, and the counting. Then by HTTP at an endpoint on loopback,
beside aiohttp that sends the same and does nothing else.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import ray
from hosting_part import REPEATS, Aim, Figures, Found, rate_and_waits
from judges import Server, rate_of

from reward_fn import OpenaiLLM
from reward_fn.hosting.limiter import attach_limits
from reward_fn.judges.llm.completion import read_completion
from reward_fn.judges.llm.endpoint import Endpoint

MESSAGES = [{"role": "user", "content": "Feed it well and put it in the fridge. " * 70}]
REPLY = json.dumps({
    "choices": [{"finish_reason": "stop", "message": {"role": "assistant", "content": "<score>3</score>"}}],
    "usage": {"prompt_tokens": 900, "completion_tokens": 20},
}).encode()  # fmt: skip
ENDPOINTS = 3
CALLS = 20_000
PROCESSES = (2, 8)
AT_ONCE = 64
"""Calls of each process at a time."""
HTTP_CALLS, HTTP_PROCESSES, HTTP_AT_ONCE = 4000, 2, 64
LATENCY_S = 0.05
"""Of the endpoint on loopback."""
ALONE = "one process, one call at a time"
NOBODY = "the same without a client"


async def answer_at_once(_: Endpoint | None, body: Mapping[str, Any]) -> tuple[bytes, float]:
    """Stand in for `Endpoint.send`."""
    return REPLY, 0.0


class Caller:
    """A process with a judge's client.

    Args:
        url: Where the endpoints are; without it there are some that answer at once.
    """

    def __init__(self, url: str = "") -> None:
        attach_limits()
        if not url:
            Endpoint.send = answer_at_once  # type: ignore[method-assign]
        urls = [url] * ENDPOINTS if url else [f"http://endpoint{place}/v1" for place in range(ENDPOINTS)]
        # One key each, and so each has limits of its own; they are kept, and never in the way.
        os.environ.update({f"BENCH_KEY_{place}": f"key {place}" for place in range(ENDPOINTS)})
        endpoints = [{"base_url": one, "api_key_env": f"BENCH_KEY_{place}"} for place, one in enumerate(urls)]
        self._llm = OpenaiLLM(
            model="ours", endpoints=endpoints, max_concurrency=1024, requests_per_minute=6e7, max_in_flight=100_000
        )

    async def ask(self, calls: int, at_once: int) -> list[float]:
        """Ask so often; return the seconds that each call took."""
        return await timed(lambda: self._llm.acomplete(MESSAGES), calls, at_once)

    async def ask_nobody(self, calls: int) -> list[float]:
        """Call what stands in for an endpoint, and read its answer, without a client."""

        async def call() -> object:
            content, _ = await answer_at_once(None, {})
            return read_completion(content)

        return await timed(call, calls, 1)


async def timed(call: Callable[[], Awaitable[object]], calls: int, at_once: int) -> list[float]:
    """Make calls, many at a time."""
    todo, seconds = iter(range(calls)), []

    async def work() -> None:
        for _ in todo:
            start = time.perf_counter()
            await call()
            seconds.append(time.perf_counter() - start)

    await asyncio.gather(*(work() for _ in range(at_once)))
    return seconds


def pool(share: float, _: Path) -> Found:
    """Measure the pool without a network and by HTTP."""
    bare = {way: one for count in PROCESSES for way, one in without_network(round(CALLS * share), count).items()}
    by_http = http(max(500, round(HTTP_CALLS * share)))
    least = min(one["calls/s"] for way, one in bare.items() if way not in (ALONE, NOBODY))
    added = bare[ALONE]["ms, median"] - bare[NOBODY]["ms, median"]
    told = f"of {ENDPOINTS} endpoints, with limits of the cluster"
    return Found(
        {
            f"the judge pool: calls {told}, that are answered at once": bare,
            f"the same by HTTP, {HTTP_PROCESSES} processes, {HTTP_AT_ONCE} calls of each at a time": by_http,
        },
        [
            Aim("calls/s through the judge pool, without a network", least, 2000),
            Aim("ms that a call takes in the judge pool, by itself", added),
            Aim("calls/s of the judge pool by HTTP, of those of aiohttp alone", by_http["the pool"]["of aiohttp"]),
        ],
    )


def without_network(calls: int, processes: int) -> Figures:
    """Measure calls of endpoints that answer at once."""
    callers = [ray.remote(num_cpus=0)(Caller).remote() for _ in range(processes)]
    ray.get([one.ask.remote(100, AT_ONCE) for one in callers])
    rates, seconds = [], []
    for _ in range(REPEATS):
        start = time.perf_counter()
        found = ray.get([one.ask.remote(calls // processes, AT_ONCE) for one in callers])
        rates.append(calls / (time.perf_counter() - start))
        seconds += [one for some in found for one in some]
    figures = {f"{processes} processes, {AT_ONCE} calls of each at a time": rate_and_waits("calls/s", rates, seconds)}
    alone = {ALONE: ray.get(callers[0].ask.remote(500, 1)), NOBODY: ray.get(callers[0].ask_nobody.remote(5000))}
    for one in callers:
        ray.kill(one)
    return figures | {way: rate_and_waits("calls/s", [len(some) / sum(some)], some) for way, some in alone.items()}


def http(calls: int) -> Figures:
    """Measure calls by HTTP, by the pool and by aiohttp alone."""
    each = calls // HTTP_PROCESSES
    server = Server(LATENCY_S)
    try:
        plain = rate_of(server, "aiohttp alone", HTTP_PROCESSES, HTTP_AT_ONCE, each)
        callers = [ray.remote(num_cpus=0)(Caller).remote(server.url) for _ in range(HTTP_PROCESSES)]
        ray.get([one.ask.remote(2 * HTTP_AT_ONCE, HTTP_AT_ONCE) for one in callers])
        start = time.perf_counter()
        ray.get([one.ask.remote(each, HTTP_AT_ONCE) for one in callers])
        ours = each * HTTP_PROCESSES / (time.perf_counter() - start)
        for one in callers:
            ray.kill(one)
    finally:
        server.close()
    rates = {"aiohttp alone": plain, "the pool": ours}
    return {way: {"calls/s": rate, "of aiohttp": rate / plain} for way, rate in rates.items()}
