"""What arrives for a configured rate, and what the cluster's limiter costs. A part of `hosting.py`.

First the rate: verl's real `RewardLoopManager` scores answers by a judge behind a loopback endpoint, which counts what
arrives; once with verl's own `rate_limited` manager, once with the limits of the LLM client in the cluster. Then the
limiter alone: permits a second without any work, by as many processes, and how long one waits for a permit that is
there.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import ray
from hosting_part import REPEATS, Aim, Figures, Found, rate_and_waits
from judges import Server
from plugin import FUNCTION, measured, rows, tokenizer

from reward_fn.hosting.limiter import attach_limits
from reward_fn.judges.llm.breaker import Outcome
from reward_fn.judges.llm.limits import Limits
from reward_fn.judges.llm.permits import LocalPermits, Permits, permits_of

JUDGE = """
from reward_fn import OpenaiLLM
{prepare}
LLM = OpenaiLLM(model="ours", base_url="{url}", api_key="none", max_concurrency=1024{limits})

async def judge(solution_str, **_):
    await LLM.acomplete([{{"role": "user", "content": solution_str[:200]}}])
    return {{"score": 0.0}}
"""
SHARED = "from reward_fn.hosting.limiter import attach_limits; attach_limits()"
LATENCY_S = 0.05
PLENTY = Limits(requests_per_minute=6e7, tokens_per_minute=6e9, max_in_flight=100_000)
"""Limits that are kept, and are never in the way."""
AT_ONCE = 64
"""Callers in each process."""
WORKERS = 8
"""verl's reward workers, and processes that ask the limiter."""
PER_MINUTE = 1200.0
"""The configured rate."""
Timed = tuple[float, list[float]]
"""Permits a second, and how long each was waited for."""
RATE_S, SPIN_S = 60.0, 5.0
"""How long a rate is measured, and how long a round of the limiter takes."""


def limits(share: float, folder: Path) -> Found:
    """Measure rates and costs."""
    seconds = max(5.0, RATE_S * share)
    tokenizer(folder / "model")
    achieved = rates(WORKERS, PER_MINUTE, seconds, folder)
    limiter = costs(WORKERS, max(0.5, SPIN_S * share))
    theirs, ours = (one["ratio"] for one in achieved.values())
    busy, _, alone, local = limiter.values()
    added = alone["ms, median"] - local["ms, median"]
    return Found(
        {
            f"{PER_MINUTE:g} requests a minute, {WORKERS} reward workers, {seconds:g} s": achieved,
            "the limiter alone": limiter,
        },
        [
            Aim("requests that were sent for one that was configured: verl's rate_limited", theirs),
            Aim("the same: ours", ours, 0.95, 1.05),
            Aim("permits/s of the limiter", busy["permits/s"], 5000),
            Aim("ms that a permit takes which is there, more than without Ray", added),
        ],
    )


def rates(workers: int, per_minute: float, seconds: float, folder: Path) -> Figures:
    """Measure what arrives at the endpoint for a configured rate."""
    server = Server(LATENCY_S)
    try:
        ways: dict[str, tuple[str, str, list[str], int]] = {
            "verl's rate_limited": (
                "", "", ["reward.reward_manager.name=rate_limited", "+reward.max_concurrent=1024",
                         f"+reward.max_rpm={per_minute}"], workers,
            ),
            "ours, for the cluster": (SHARED, f", requests_per_minute={per_minute}", [], 1),
        }  # fmt: skip
        figures = {}
        for way, (prepare, limits, overrides, times) in ways.items():
            # The file's name is part of the class that verl keeps, so each way has its own.
            file = folder / f"judge_{len(figures)}.py"
            file.write_text(JUDGE.format(prepare=prepare, url=server.url, limits=limits))
            # Whoever is so many times too fast gets so many times the work, for the same time.
            data = rows(round(per_minute / 60 * seconds * times))
            settings = [f"{FUNCTION}.path={file}", f"{FUNCTION}.name=judge", *overrides]
            measured(data, workers, folder / "model", *settings, kwargs={})
            achieved = (len(data) - 1) / server.stats(len(data))["span"] * 60
            figures[way] = {"configured/min": per_minute, "achieved/min": achieved, "ratio": achieved / per_minute}
        return figures
    finally:
        server.close()


async def spin(permits: Permits, seconds: float, work_s: float) -> tuple[int, list[float]]:
    """Ask for permits, many at a time, for so long; returns how many there were, and how long each was waited for."""
    waits: list[float] = []
    until = time.perf_counter() + seconds

    async def one() -> None:
        while (asked := time.perf_counter()) < until:
            permit = await permits.acquire(100, 0)
            waits.append(time.perf_counter() - asked)
            if work_s:
                await asyncio.sleep(work_s)
            permits.release(permit, 90, Outcome.WORKED)

    await asyncio.gather(*(one() for _ in range(AT_ONCE)))
    return len(waits), waits


class Spinner:
    """A process that asks for permits."""

    def __init__(self) -> None:
        attach_limits()

    async def spin(self, seconds: float, work_s: float = 0.0) -> tuple[int, list[float]]:
        """See `spin`."""
        return await spin(permits_of("http://bench/v1", "", "bench", PLENTY), seconds, work_s)

    async def alone(self, count: int) -> list[float]:
        """Ask for one permit after the other; returns how long each was waited for."""
        permits, waits = permits_of("http://bench/v1", "", "bench", PLENTY), []
        for _ in range(count):
            asked = time.perf_counter()
            permit = await permits.acquire(100, 0)
            waits.append(time.perf_counter() - asked)
            permits.release(permit, 90, Outcome.WORKED)
        return waits


def costs(workers: int, seconds: float) -> Figures:
    """Measure permits a second without work, and waits for permits that are there."""
    spinners = [ray.remote(num_cpus=0)(Spinner).remote() for _ in range(workers)]
    ray.get([one.spin.remote(0.5) for one in spinners])

    def all_of(work_s: float) -> Timed:
        found = ray.get([one.spin.remote(seconds, work_s) for one in spinners])
        return sum(count for count, _ in found) / seconds, [wait for _, waits in found for wait in waits]

    ways: dict[str, Callable[[], Timed]] = {
        f"{workers} processes, {AT_ONCE} callers each, no work": lambda: all_of(0.0),
        f"{workers} processes, {AT_ONCE} callers each, 1 s of work": lambda: all_of(1.0),
        "one process, one caller": lambda: _alone(spinners[0]),
        f"in one process without Ray, {AT_ONCE} callers, no work": lambda: asyncio.run(_local(seconds)),
    }
    figures = {}
    for way, measure in ways.items():
        found = [measure() for _ in range(REPEATS)]
        waits = [wait for _, some in found for wait in some]
        figures[way] = rate_and_waits("permits/s", [rate for rate, _ in found], waits)
    for one in spinners:
        ray.kill(one)
    return figures


def _alone(spinner: Spinner) -> Timed:
    start = time.perf_counter()
    waits: list[float] = ray.get(spinner.alone.remote(1000))
    return len(waits) / (time.perf_counter() - start), waits


async def _local(seconds: float) -> Timed:
    count, waits = await spin(LocalPermits(PLENTY), seconds, 0.0)
    return count / seconds, waits
