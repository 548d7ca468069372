"""What comes of a configured rate in verl's reward workers, and what the cluster's limiter costs.

    python scripts/bench/hosting_limits.py [--workers 8] [--per-minute 1200] [--seconds 60]

First the rate: verl's real `RewardLoopManager` scores answers by a judge behind a loopback endpoint, which counts what
arrives; once with verl's own `rate_limited` manager, once with the limits of the LLM client in the cluster. Then the
limiter alone: permits a second without any work, by as many processes, and how long one waits for a permit that is
there.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import numpy as np
import ray
from common import CONSOLE, machine, write_json
from judges import Server
from plugin import FUNCTION, measured, rows, table_of, tokenizer

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


def rates(workers: int, per_minute: float, seconds: float, folder: Path) -> dict[str, dict[str, float]]:
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


def costs(workers: int, seconds: float) -> dict[str, dict[str, float]]:
    """Measure permits a second without work, and waits for permits that are there."""
    spinners = [ray.remote(num_cpus=0)(Spinner).remote() for _ in range(workers)]
    ray.get([one.spin.remote(0.5) for one in spinners])

    def all_of(work_s: float) -> tuple[float, list[float]]:
        found = ray.get([one.spin.remote(seconds, work_s) for one in spinners])
        return sum(count for count, _ in found) / seconds, [wait for _, waits in found for wait in waits]

    figures = {}
    for way, (rate, waits) in {
        f"{workers} processes, {AT_ONCE} callers each, no work": all_of(0.0),
        f"{workers} processes, {AT_ONCE} callers each, 1 s of work": all_of(1.0),
        "one process, one caller": _timed(lambda: ray.get(spinners[0].alone.remote(1000))),
        "in one process without Ray, 64 callers, no work": asyncio.run(_local(seconds)),
    }.items():
        p50, p99 = np.percentile(waits, [50, 99])
        figures[way] = {"permits/s": rate, "wait ms p50": p50 * 1e3, "wait ms p99": p99 * 1e3}
    for one in spinners:
        ray.kill(one)
    return figures


def _timed(ask: Any) -> tuple[float, list[float]]:  # noqa: ANN401 - a function
    start = time.perf_counter()
    waits: list[float] = ask()
    return len(waits) / (time.perf_counter() - start), waits


async def _local(seconds: float) -> tuple[float, list[float]]:
    count, waits = await spin(LocalPermits(PLENTY), seconds, 0.0)
    return count / seconds, waits


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--workers", default=8, show_default=True, help="verl's reward workers, and processes that ask.")
@click.option("--per-minute", default=1200.0, show_default=True, help="The configured rate.")
@click.option("--seconds", default=60.0, show_default=True, help="How long each rate is measured.")
@click.option("--spin", "spin_s", default=5.0, show_default=True, help="Seconds of each measurement of the limiter.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Where the figures go, as JSON.")
def main(workers: int, per_minute: float, seconds: float, spin_s: float, out: Path | None) -> None:
    """Measure rates and costs."""
    before = machine()
    here = str(Path(__file__).parent)
    ray.init(num_cpus=workers, include_dashboard=False, log_to_driver=False,
             runtime_env={"env_vars": {"PYTHONPATH": here}})  # fmt: skip
    with TemporaryDirectory() as name:
        folder = Path(name)
        tokenizer(folder / "model")
        achieved = rates(workers, per_minute, seconds, folder)
    CONSOLE.print(table_of(f"{per_minute:g} requests a minute, {workers} reward workers, {seconds:g} s", achieved))
    limiter = costs(workers, spin_s)
    CONSOLE.print(table_of("the limiter alone", limiter))
    ray.shutdown()
    write_json(out, {"machine": before, "rates": achieved, "limiter": limiter})


if __name__ == "__main__":
    main()
