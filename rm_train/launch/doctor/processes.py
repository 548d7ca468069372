"""Ray, and processes that killed runs have left."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil
from omegaconf import DictConfig

from rm_train.launch.checks.cluster import ray_address, ray_problems
from rm_train.launch.doctor.finding import Finding, bad, from_problem, warn
from rm_train.launch.process import MARK
from rm_train.launch.run_folder import RunBusyError, RunFolder


def leftovers() -> Iterator[Finding]:
    """Examine whether processes run whose run has ended."""
    runs: dict[Path, list[int]] = {}
    for process in psutil.process_iter(["environ", "status"]):
        log = (process.info["environ"] or {}).get(MARK)
        if log and process.info["status"] != psutil.STATUS_ZOMBIE:
            runs.setdefault(Path(log).parent.parent, []).append(process.pid)
    for run, pids in runs.items():
        what = f"of {run}: {len(pids)}"
        if _busy(run):
            yield Finding("processes", f"{what}, which is under way")
        else:
            yield warn("processes", f"{what}, though the run has ended",
                       f"start it again, which ends them, or: kill {' '.join(map(str, sorted(pids)))}")  # fmt: skip
    if not runs:
        yield Finding("processes", "of runs: none")


def _busy(run: Path) -> bool:
    """Return whether the launcher of a run is there: it holds the lock of the run's folder."""
    if not (run / ".lock").exists():
        return False
    try:
        with RunFolder(run).lock():
            return False
    except (RunBusyError, PermissionError):
        return True


def ray_address_answers(overrides: Sequence[str], config: DictConfig) -> Iterator[Finding]:
    """Examine the cluster that runs would join, if any."""
    problems = ray_problems(overrides, config)
    yield from (from_problem("Ray", problem) for problem in problems)
    if not problems:
        given = ray_address(config)
        yield Finding("Ray", f"{given[1]} answers ({given[0]})" if given else "is started with each run")


def ray_cluster() -> Finding:
    """Start Ray, let it run a task, and end it."""
    import ray

    try:
        ray.init(address="local", num_cpus=1, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
        pid = ray.get(ray.remote(lambda: os.getpid()).remote(), timeout=60)
    except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        return bad("Ray", f"cannot run a task: {error}", "look at /tmp/ray/session_latest/logs")
    finally:
        ray.shutdown()
    return Finding("Ray", f"starts here, and ran a task in process {pid}")
