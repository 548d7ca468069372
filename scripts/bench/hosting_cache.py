"""What the cluster's cache costs. A part of `hosting.py`.

Processes ask for things that cost nothing to make, many at a time, through `once`; then one at a time, for the latency
that a request gets.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import ray
from hosting_part import REPEATS, Aim, Found

from reward_fn.hosting.cache import CacheSettings, attach_cache
from reward_fn.once import once
from reward_fn.store import MemoryStore, Store, open_store

CALLS, ALONE = 20_000, 500
"""Requests of a round: many at a time, and one at a time."""
PROCESSES = 2
AT_ONCE = 256
"""Requests of each process at a time."""


class Asker:
    """A process that asks the cache."""

    def __init__(self, path: Path | None) -> None:
        attach_cache(CacheSettings(path=path))

    async def ask(self, first: int, calls: int, at_once: int) -> list[float]:
        """Ask for so many contents; return the seconds that each took."""
        return await _asked(open_store(None), first, calls, at_once)


async def _asked(store: Store, first: int, calls: int, at_once: int) -> list[float]:
    todo, seconds = iter(range(first, first + calls)), []
    content = b"x" * 1000

    async def make(keys: list[str]) -> dict[str, tuple[int, bytes]]:
        return dict.fromkeys(keys, (1, content))

    async def work() -> None:
        for number in todo:
            start = time.perf_counter()
            await once(store, [f"{number:064}"], len, make)
            seconds.append(time.perf_counter() - start)

    await asyncio.gather(*(work() for _ in range(at_once)))
    return seconds


def cache(share: float, folder: Path) -> Found:
    """Measure the cluster's cache, in memory and in a file, and one without Ray."""
    calls = round(CALLS * share)
    figures = {
        "one process, without Ray": local(calls),
        "the cluster's, in memory": cluster(calls, None),
        "the cluster's, in a file": cluster(calls, folder / "cache.sqlite"),
    }
    plain, memory, file = figures.values()
    told = f"{calls:,} requests of {PROCESSES} processes, {AT_ONCE} of each at a time"
    return Found(
        {f"the cache: {told}": figures},
        [
            *(Aim(f"cache, {name}", memory[name], 2000) for name in ("made/s", "kept/s")),
            *(Aim(f"cache with a file, {name}", file[name], 2000) for name in ("made/s", "kept/s")),
            *(
                Aim(f"ms that a request takes which is {name}, more than without Ray", memory[ms] - plain[ms])
                for name, ms in (("made", "made, ms"), ("kept", "kept, ms"))
            ),
        ],
    )


def cluster(calls: int, path: Path | None) -> dict[str, float]:
    """Measure the cluster's cache: contents of 1,000 bytes that are made, then the same ones, which are kept."""
    askers = [ray.remote(num_cpus=0)(Asker).remote(path) for _ in range(PROCESSES)]
    ray.get([asker.ask.remote(-10 * place - 10, 10, 1) for place, asker in enumerate(askers)])
    each = calls // PROCESSES

    def many(first: int) -> None:
        ray.get([asker.ask.remote(first + place * each, each, AT_ONCE) for place, asker in enumerate(askers)])

    figures = measured(each * PROCESSES, many, lambda first: ray.get(askers[0].ask.remote(first, ALONE, 1)))
    for asker in askers:
        ray.kill(asker)
    ray.kill(ray.get_actor("reward_fn cache"))
    return figures


def local(calls: int) -> dict[str, float]:
    """Measure the same in one process, without Ray."""
    store = MemoryStore()
    return measured(
        calls,
        lambda first: asyncio.run(_asked(store, first, calls, AT_ONCE)),
        lambda first: asyncio.run(_asked(store, first, ALONE, 1)),
    )


def measured(calls: int, many: Callable[[int], object], alone: Callable[[int], list[float]]) -> dict[str, float]:
    """Ask for contents that are not there, then for the same again: many at a time, and one at a time."""
    rates: dict[str, list[float]] = {"made": [], "kept": []}
    seconds: dict[str, list[float]] = {"made": [], "kept": []}
    for turn in range(REPEATS):
        first = turn * (calls + ALONE)
        for name in rates:
            start = time.perf_counter()
            many(first)
            rates[name].append(calls / (time.perf_counter() - start))
            seconds[name] += alone(first + calls)
    figures: dict[str, float] = {}
    for name, some in rates.items():
        p50, p99 = np.percentile(seconds[name], [50, 99]) * 1e3
        figures |= {f"{name}/s": median(some), f"{name}, ms": float(p50), f"{name}, ms, 99 %": float(p99)}
    return figures
