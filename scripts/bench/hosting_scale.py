"""Where the shared parts of a cluster come to their end: hundreds of processes here, and an estimate to many nodes.

\b
    python scripts/bench/hosting_scale.py --out scale.json           # a quarter of an hour, 16 GB
    python scripts/bench/hosting_scale.py --counts 8,16 --seconds 5 --nodes 2    # whether it runs
    python scripts/bench/hosting_scale.py --estimate scale.json      # the estimate of figures from before

Processes stand in for verl's reward workers (`scale_worker.py`): each gets as many answers a second as a worker of 64
nodes does (1,024 prompts with 8 answers in a step of 60 s), then four times as many, then none, and does with the real
limiter, cache, cohort and rule actors what it would do there. Their CPU, the calls, the added latencies and the memory
are measured for each number of processes, and fitted (`scale_estimate.py`). Then several nodes of Ray are started on
this machine (`scale_nodes.py`), for what grows with nodes.

docs/scale.md quotes what this prints.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import numpy as np
import psutil
import ray
from common import CONSOLE, machine, write_json
from plugin import table_of
from scale_estimate import ANSWERS, FULL, NODES, STEP_S, WORKERS, Measured, answers_s, fitted
from scale_nodes import Nodes, on_nodes
from scale_worker import COHORT, FakeWorker, Load, Times

from reward_fn.hosting.rules import KNOWN

ACTORS = {"limits": "reward_fn limits", "cache": "reward_fn cache", "cohort": COHORT}
"""Those that are there once."""
REAL = ANSWERS / STEP_S
RATES = (0.0, REAL, 4 * REAL)
LEAST_MB = 3000
"""No more processes are started if less memory than this would be left."""
EACH_MB = 75
START = 10
BOTH = ((0, "median"), (1, "99 %"))


def measured(counts: list[int], seconds: float) -> Iterator[Measured]:
    """Start more and more processes, and measure each load."""
    workers: list[Any] = []
    processes: list[int] = []
    for count in counts:
        if psutil.virtual_memory().available / 2**20 < LEAST_MB + EACH_MB * (count - len(workers)):
            CONSOLE.print(f"{count} processes would not leave {LEAST_MB} MB: left out")
            return
        with CONSOLE.status(f"{count} processes"):
            while len(workers) < count:  # a few at a time: each takes a second of a core to start
                some = range(len(workers), min(count, len(workers) + START))
                new = [ray.remote(num_cpus=0)(FakeWorker).remote(place) for place in some]
                processes += ray.get([one.process.remote() for one in new])
                workers += new
            pids = {"processes": processes, **_pids_of_actors()}
            for number, rate in enumerate(RATES):
                yield _measured(workers, pids, Load(100 * count + number, count, rate, seconds))


def _measured(workers: list[Any], pids: dict[str, list[int]], load: Load) -> Measured:
    before, cpu, start = machine(), _cpu(pids), time.monotonic()
    found = ray.get([one.work.remote(load) for one in workers])
    time.sleep(max(0.0, start + load.seconds - time.monotonic()))
    seconds = time.monotonic() - start
    spent = {name: used - cpu[name] for name, used in _cpu(pids).items()}
    calls: Counter[str] = Counter()
    for _, some in found:
        calls.update(some)
    times = [one for one, _ in found]
    answers = sum(len(one.rules) for one in times)
    added = _added(times) if answers else {}
    return Measured(
        load.processes, load.rate, seconds, answers, before, spent, dict(calls), added, _memory(pids)
    )  # fmt: skip


def _added(times: list[Times]) -> dict[str, tuple[float, float]]:
    """Return what each part has added to an answer; the cohort, to the last answer of a group."""
    met = [one for some in times for one in some.met]
    last: dict[str, float] = {}
    for group, brought, _ in met:
        last[group] = max(brought, last.get(group, 0.0))
    seconds = {
        "rules": [one for some in times for one in some.rules],
        "cache": [one for some in times for one in some.cache],
        "permit": [one for some in times for one in some.permit],
        "cohort": [known - last[group] for group, _, known in met],
    }
    percentiles = {name: np.percentile(some, [50, 99]) * 1e3 for name, some in seconds.items()}
    return {name: (float(p50), float(p99)) for name, (p50, p99) in percentiles.items()}


def _pids_of_actors() -> dict[str, list[int]]:
    names = [one["name"] for one in ray.util.list_named_actors(all_namespaces=True)]
    actors = {**ACTORS, "rules": next(name for name in names if name.startswith("reward_fn rules"))}
    asked = {part: ray.get_actor(name).__ray_call__.remote(_pid) for part, name in actors.items()}
    own = {one.name(): one.pid for one in psutil.Process().children(recursive=True)}
    return {part: [ray.get(pid)] for part, pid in asked.items()} | {
        "Ray's GCS": [own["gcs_server"]],
        "raylet": [own["raylet"]],
    }


def _pid(_: object) -> int:
    return os.getpid()


def _cpu(pids: dict[str, list[int]]) -> dict[str, float]:
    return {part: sum(sum(psutil.Process(pid).cpu_times()[:2]) for pid in some) for part, some in pids.items()}


def _memory(pids: dict[str, list[int]]) -> dict[str, float]:
    return {
        part: float(np.median([psutil.Process(pid).memory_full_info().uss for pid in some])) / 2**20
        for part, some in pids.items()
    }


def tell_loads(loads: list[Measured]) -> None:
    """Print what was measured."""
    busy = {f"{one.processes} x {one.rate:.2f}": one for one in loads if one.answers}
    parts = list(loads[0].cpu_s)
    tables: dict[str, dict[str, dict[str, float]]] = {
        "CPU, % of a core": {
            way: {"answers/s": one.answers / one.seconds}
            | {part: one.cpu_s[part] / one.seconds * 100 for part in parts}
            | {"load before": float(str(one.machine["load_before"])), "kept up": one.kept_up}
            for way, one in busy.items()
        },
        "calls a second": {
            way: {name: count / one.seconds for name, count in sorted(one.calls.items())} for way, one in busy.items()
        },
        "what is added to an answer, ms": {
            way: {f"{part}, {name}": both[place] for part, both in one.added_ms.items() for place, name in BOTH}
            for way, one in busy.items()
        },
        "memory, MB": {way: one.memory_mb for way, one in busy.items()},
    }
    for title, table in tables.items():
        CONSOLE.print(table_of(f"{title}: processes x answers a second of each", table))


def tell_estimate(loads: list[Measured], nodes: Nodes | None) -> None:
    """Print what follows for clusters."""
    shares = {part: fitted(loads, part) for part in (*ACTORS, "Ray's GCS")}
    CONSOLE.print(table_of(f"fitted, % of a core; full: at {FULL:.0%}", {
        part: {"base": one.base * 100, "100 processes": one.process * 1e4, "an answer a second": one.answer * 100,
               "full at answers/s": one.full_at, "that is nodes": one.full_at / answers_s(1)}
        for part, one in shares.items()
    }))  # fmt: skip
    told = f"{WORKERS} processes a node, {ANSWERS} answers of each in {STEP_S:g} s"
    CONSOLE.print(table_of(f"estimated, % of a core: {told}", {
        f"{count} nodes": {"processes": count * WORKERS, "answers/s": answers_s(count)}
        | {part: one.at(count * WORKERS, answers_s(count)) * 100 for part, one in shares.items()}
        for count in NODES
    }))  # fmt: skip
    if nodes is None:
        return
    for known, title in ((math.inf, "if each process opened every node"), (KNOWN, f"at most {KNOWN}, as it is")):
        CONSOLE.print(table_of(f"rule actors, {title}; measured: {nodes.told}", {
            f"{count} nodes": nodes.at(count, count * WORKERS, known) for count in NODES
        }))  # fmt: skip


def numbers(_: click.Context, __: click.Parameter, value: str) -> list[int]:
    """Return numbers that stand with commas."""
    return [int(one) for one in value.split(",")]


@click.command(context_settings={"help_option_names": ["-h", "--help"]}, help=__doc__)
@click.option("--counts", default="25,50,100,200", show_default=True, callback=numbers, help="Processes, with commas.")
@click.option("--seconds", default=30.0, show_default=True, help="How long answers come, for each load.")
@click.option("--nodes", "raylets", default=8, show_default=True, help="Nodes of Ray on this machine; 0 for none.")
@click.option("--estimate", type=click.Path(path_type=Path, exists=True, dir_okay=False),
              help="Measure nothing, and take the figures of an earlier `--out`.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Where the figures go, as JSON.")
def main(counts: list[int], seconds: float, raylets: int, estimate: Path | None, out: Path | None) -> None:
    """Measure, and estimate."""
    nodes: Nodes | None = None
    if estimate is not None:
        kept = json.loads(estimate.read_text())
        loads = [Measured(**one) for one in kept["loads"]]
        nodes = Nodes(**kept["nodes"]) if kept["nodes"] else None
    else:
        here = {"env_vars": {"PYTHONPATH": str(Path(__file__).parent)}}
        ray.init("local", num_cpus=4, include_dashboard=False, log_to_driver=False, runtime_env=here)
        loads = list(measured(counts, seconds))
        ray.shutdown()
        if raylets:
            nodes = on_nodes(raylets)
    tell_loads(loads)
    tell_estimate(loads, nodes)
    write_json(out, {"loads": [asdict(one) for one in loads], "nodes": asdict(nodes) if nodes else None})


if __name__ == "__main__":
    main()
