"""Trains over two Ray nodes on this machine, loses a worker or a node, goes on, and prints what came of it.

    python scripts/faults/two_nodes.py [--steps 40] [--only worker …] [--keep FOLDER]

Each run is the main job on synthetic rows: verl's FSDP2 shards the judge over a worker on each of two raylets of Ray's
own cluster utility, with the CPU plug-ins. It is submitted as a Ray job. In the middle of the run its second worker is
killed, or the whole second node, which is then replaced; the job is resumed by hand, or goes on by itself
(`--retries`). Its figures are put beside those of a run that nobody touched.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import psutil
from rich.console import Console
from rich.table import Table

from rm_train.launch.run_folder import RunFolder
from rm_train.report.curves import read_steps

LIMIT_S = 1800.0
OVERRIDES = ("hardware=cpu", "trainer.nnodes=2", "trainer.n_gpus_per_node=1", "trainer.save_freq=5")
_NODE = {"num_cpus": 8, "num_gpus": 1, "object_store_memory": 300_000_000, "dashboard_agent_listen_port": None}
"""The port is any free one: another Ray on this machine has the usual one."""


class TwoNodes:
    """A head and another raylet on this machine, each with a ticket for one training worker."""

    def __init__(self, folder: Path) -> None:
        from ray.cluster_utils import Cluster

        # Nodes with one folder would remove each other's copy of the code that a job carries.
        head, self._other = (folder / name for name in ("head", "other"))
        args = {**_NODE, "include_dashboard": True, "temp_dir": str(head)}
        self._cluster = Cluster(initialize_head=True, head_node_args=args)
        self._second = self._add()
        self.dashboard = f"http://{self._cluster.head_node.webui_url}"

    def lose_worker(self) -> None:
        """Kill the training worker on the second node."""
        raylet = str(self._raylet())
        for process in psutil.process_iter(["cmdline", "environ"]):
            on_it = (process.info["environ"] or {}).get("RAY_RAYLET_PID") == raylet
            if on_it and (process.info["cmdline"] or [""])[0].startswith("ray::WorkerDict"):
                process.kill()
                return
        raise RuntimeError("the second node has no training worker")

    def lose_node(self) -> None:
        """Kill the second node with all that runs there, and let a new one join."""
        raylet = psutil.Process(self._raylet())
        for process in [*raylet.children(recursive=True), raylet]:
            process.kill()
        self._cluster.remove_node(self._second, allow_graceful=False)
        self._second = self._add()

    def close(self) -> None:
        """End both nodes."""
        self._cluster.shutdown()

    def _add(self) -> Any:  # noqa: ANN401 - a Node of Ray's
        return self._cluster.add_node(**_NODE, temp_dir=str(self._other))

    def _raylet(self) -> int:
        return int(self._second.all_processes["raylet"][0].process.pid)


@contextmanager
def two_nodes() -> Iterator[TwoNodes]:
    """Have a cluster of two nodes inside the block."""
    # Without these, Ray asks for a token, and starts spare workers that verl cannot use.
    os.environ |= {"RAY_AUTH_MODE": "disabled", "RAY_enable_worker_prestart": "0", "RAY_USAGE_STATS_ENABLED": "0"}
    with tempfile.TemporaryDirectory(prefix="rm-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        cluster = TwoNodes(Path(folder))
        try:
            yield cluster
        finally:
            cluster.close()


def rm_train(*arguments: str) -> str:
    """Run a command of ours to its end, and return what it printed.

    Raises:
        RuntimeError: It failed.
    """
    done = subprocess.run([sys.executable, "-m", "rm_train.cli", *arguments], text=True, capture_output=True)
    if done.returncode:
        raise RuntimeError(f"rm-train {' '.join(arguments)}: {done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done.stdout


class JobRun:
    """A training run that was submitted as a job."""

    def __init__(self, cluster: TwoNodes, folder: Path, overrides: Sequence[str], retries: int = 0) -> None:
        self._at = ("--address", cluster.dashboard)
        self.folder, self.job = RunFolder(folder), f"two-nodes-{folder.name}"
        options = ("--name", self.job, "--retries", str(retries), *self._at)
        rm_train("submit", "pointwise", *OVERRIDES, *overrides, f"run_dir={folder}", *options)

    def state(self) -> str:
        """Return Ray's word for how the job is."""
        return str(json.loads(rm_train("jobs", "status", self.job, "--json", *self._at))["status"])

    def wait(self, *, ends: str) -> None:
        """Wait for the job to end in a state.

        Raises:
            RuntimeError: It ended in another one.
        """
        _until(lambda: self.state() not in ("PENDING", "RUNNING"), "the job does not end", every=10)
        if (state := self.state()) != ends:
            raise RuntimeError(
                f"the job {self.job} is {state}:\n{rm_train('jobs', 'logs', self.job, *self._at)[-4000:]}"
            )

    def wait_for_step(self, step: int) -> None:
        """Wait until a step is trained."""
        _until(lambda: any(step in attempt for attempt in self.attempts()), f"step {step} never came")

    def resume(self) -> None:
        """Go on with the job as a new one."""
        rm_train("jobs", "resume", self.job, *self._at)
        self.job += "-2"

    def attempts(self) -> list[list[int]]:
        """Return the steps that each attempt has trained."""
        return [
            [record["step"] for record in map(json.loads, lines) if "timing_s/step" in record["data"]]
            for path in sorted(self.folder.metrics.glob("*.jsonl"))
            if (lines := [line for line in path.read_text().splitlines() if line.endswith("}")])
        ]

    def rewards(self) -> dict[int, float]:
        """Return the mean reward of each step, of the attempt whose weights were kept."""
        steps = read_steps(self.folder.metrics)
        return {step: data["reward/score/mean"] for step, data in steps.items() if "timing_s/step" in data}

    def accuracy(self) -> dict[str, float]:
        """Return the exact accuracy on the held-out rows after training, with its interval."""
        metrics: dict[str, Any] = json.loads((self.folder.evaluation("after") / "metrics.json").read_text())["metrics"]
        found: dict[str, float] = metrics["figures"]["exact"]
        return found


def _until(condition: Callable[[], bool], never: str, *, every: float = 1) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(never)
        time.sleep(every)


def untouched(cluster: TwoNodes, run: JobRun, step: int) -> None:
    """Let it be."""


def lost_worker(cluster: TwoNodes, run: JobRun, step: int) -> None:
    """Kill a worker in mid-run, and resume the job when it has failed."""
    run.wait_for_step(step)
    cluster.lose_worker()
    run.wait(ends="FAILED")
    run.resume()


def lost_node(cluster: TwoNodes, run: JobRun, step: int) -> None:
    """Kill a node in mid-run and have a new one; the job goes on by itself."""
    run.wait_for_step(step)
    cluster.lose_node()


@dataclass(frozen=True, slots=True)
class Case:
    """What is done to a run, and how often it may try again by itself."""

    happens: Callable[[TwoNodes, JobRun, int], None]
    retries: int = 0


CASES = {"untouched": Case(untouched), "worker": Case(lost_worker), "node": Case(lost_node, retries=1)}


def run_case(name: str, cluster: TwoNodes, folder: Path, steps: int, overrides: Sequence[str] = ()) -> JobRun:
    """Run a case to its end in a folder of its own.

    Raises:
        RuntimeError: The run did not come to its end.
    """
    case = CASES[name]
    run = JobRun(cluster, folder / name, (f"steps={steps}", *overrides), case.retries)
    case.happens(cluster, run, steps // 2 + 1)
    run.wait(ends="SUCCEEDED")
    return run


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--steps", type=click.IntRange(4), default=40, show_default=True)
@click.option("--only", type=click.Choice(list(CASES)), multiple=True, help="Only these cases.")
@click.option("--keep", type=click.Path(path_type=Path, file_okay=False), help="Keep the run folders there.")
def main(steps: int, only: tuple[str, ...], keep: Path | None) -> None:
    """Train over two nodes of this machine, lose one, go on, and compare."""
    table = Table("what happened", "steps of each attempt", "exact accuracy after", "last step's reward", "seconds")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory() as temporary, two_nodes() as cluster:
        for name in only or CASES:
            began = time.monotonic()
            run = run_case(name, cluster, (keep or Path(temporary)).absolute(), steps)
            attempts = "; ".join(f"{steps[0]} to {steps[-1]}" if steps else "none" for steps in run.attempts())
            exact = run.accuracy()
            told = f"{exact['value']:.1%} [{exact['low']:.1%}, {exact['high']:.1%}]"
            table.add_row(name, attempts, told, f"{run.rewards()[steps]:+.3f}", f"{time.monotonic() - began:.0f}")
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
