"""Kills a small run at several moments, starts the same command again, and prints what came of it.

    python scripts/bench/kill_and_resume.py [--moments start rollout …] [--out results.json]

Each run is the tiny judge on synthetic rows, on real verl: four steps of GRPO, a checkpoint after every second one. At
the moment named, the command and every process it has started get SIGKILL, as when a machine dies; `launcher` kills
only the command itself and `SIGTERM` asks it to stop. Then the same command runs to its end. Its result is compared
with that of a run that nobody touched.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
import torch
from rich.console import Console
from rich.table import Table

from rm_train.launch.run_folder import RunFolder

STEPS = 4
SETTINGS = (
    *(f"steps={STEPS}", "max_train_rows=64", "max_val_rows=24", "val_rows=8", "data.train_batch_size=8"),
    *("trainer.save_freq=2", "trainer.test_freq=2", "actor_rollout_ref.actor.optim.lr_scheduler_type=constant"),
)
LIMIT_S = 600.0


class Run:
    """A small run in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = RunFolder(folder)
        self.command = [sys.executable, "-m", "rm_train.cli", "train", f"run_dir={folder}", *SETTINGS]
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the command."""
        log = self.folder.path.with_suffix(".out").open("ab")
        self.process = subprocess.Popen(self.command, stdout=log, stderr=log)

    def finish(self) -> int:
        """Wait for the end of the command, and return its exit status."""
        assert self.process is not None
        return self.process.wait(LIMIT_S)

    def processes(self) -> list[psutil.Process]:
        """Return what the command has started and what still runs."""
        prefix = str(self.folder.path.resolve())
        return [
            process
            for process in psutil.process_iter(["environ", "status"])
            if (process.info["environ"] or {}).get("RM_TRAIN_PROCESS", "").startswith(prefix)
            and process.info["status"] != psutil.STATUS_ZOMBIE
        ]

    def steps(self) -> list[list[int]]:
        """Return the steps that each attempt has trained, as far as verl has logged them."""
        attempts = []
        for path in sorted(self.folder.metrics.glob("*.jsonl")):
            records = [json.loads(line) for line in path.read_text().splitlines() if line.endswith("}")]
            attempts.append([record["step"] for record in records if "timing_s/step" in record["data"]])
        return attempts

    def timing(self) -> dict[str, float]:
        """Return the seconds of the last step's parts."""
        path = sorted(self.folder.metrics.glob("*.jsonl"))[-1]
        data: dict[str, float] = json.loads(path.read_text().splitlines()[-1])["data"]
        return data


def _after_step(run: Run, step: int) -> None:
    _until(run, lambda: any(step in attempt for attempt in run.steps()))


def _until(run: Run, condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        assert run.process is not None and run.process.poll() is None, f"the run ended: {run.folder.path}.out"
        assert time.monotonic() < deadline, "the moment never came"
        time.sleep(0.01)


def at_start(run: Run) -> None:
    """The processes of verl are starting."""
    _until(run, lambda: len(run.processes()) > 3)


def in_rollout(run: Run) -> None:
    """The third step generates."""
    _after_step(run, 2)
    time.sleep(run.timing()["timing_s/gen"] / 2)


def in_update(run: Run) -> None:
    """The third step updates the policy."""
    _after_step(run, 2)
    timing = run.timing()
    time.sleep(timing["timing_s/gen"] + timing["timing_s/update_actor"] / 2)


def in_checkpoint(run: Run) -> None:
    """The checkpoint of the fourth step is being written."""
    _until(run, run.folder.actor(4).exists)


def in_merge(run: Run) -> None:
    """The trained judge is being written."""
    _until(run, lambda: run.folder.log("merge").exists() and run.folder.log("merge").stat().st_size > 0)


MOMENTS: dict[str, Callable[[Run], None]] = {
    "start": at_start,
    "rollout": in_rollout,
    "update": in_update,
    "checkpoint": in_checkpoint,
    "merge": in_merge,
    "launcher": in_update,
    "SIGTERM": in_update,
}


@dataclass
class Outcome:
    """What came of one run."""

    moment: str
    killed: int
    left_running: int
    checkpoint: int
    trained: str
    finished: bool
    difference: float


def _kill(run: Run, moment: str) -> int:
    assert run.process is not None
    victims = run.processes()
    if moment == "SIGTERM":
        run.process.send_signal(signal.SIGTERM)
    else:
        run.process.kill()
        for victim in victims if moment != "launcher" else ():
            if victim.is_running():
                victim.kill()
    run.finish()
    return len(victims) + 1 if moment not in ("launcher", "SIGTERM") else 1


def _policy(run: Run, step: int) -> torch.Tensor:
    """Return all of a checkpoint's weights in a row."""
    shard = torch.load(run.folder.actor(step) / "model_world_size_1_rank_0.pt", weights_only=False)
    return torch.cat([tensor.full_tensor().flatten() for tensor in shard.values()])


def _difference(run: Run, reference: Run) -> float:
    """Return how far a run has ended from the reference, as a share of what two steps change."""
    end = _policy(reference, STEPS)
    return float((_policy(run, STEPS) - end).norm() / (end - _policy(reference, STEPS - 2)).norm())


def _try(moment: str, folder: Path, reference: Run) -> Outcome:
    run = Run(folder)
    run.start()
    MOMENTS[moment](run)
    killed = _kill(run, moment)
    deadline = time.monotonic() + 30
    while (left := len(run.processes())) and time.monotonic() < deadline:
        time.sleep(0.2)
    checkpoint = run.folder.trained_steps()
    run.start()
    finished = run.finish() == 0
    trained = " | ".join(",".join(map(str, steps)) or "-" for steps in run.steps())
    difference = _difference(run, reference) if finished else float("nan")
    return Outcome(moment, killed, left, checkpoint, trained, finished, difference)


def main() -> None:
    """Run all moments that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--moments", nargs="+", choices=MOMENTS, default=list(MOMENTS))
    parser.add_argument("--out", type=Path, help="write the outcomes as JSON")
    arguments = parser.parse_args()
    console = Console()
    os.environ.setdefault("OMP_NUM_THREADS", str(torch.get_num_threads()))
    root = Path(tempfile.mkdtemp(prefix="kill-and-resume-"))
    console.print(f"run folders and outputs: {root}")
    with console.status("an uninterrupted run"):
        reference = Run(root / "reference")
        reference.start()
        if reference.finish():
            raise SystemExit(f"the uninterrupted run failed: {root}/reference.out")
    outcomes = []
    for moment in arguments.moments:
        with console.status(f"killing: {moment}"):
            outcomes.append(_try(moment, root / moment, reference))
        console.print(outcomes[-1])
    table = Table("killed in", "processes killed", "still running", "last checkpoint", "steps trained by attempt",
                  "finished", "distance from the untouched run, in changes of two steps")  # fmt: skip
    for outcome in outcomes:
        table.add_row(*map(str, asdict(outcome).values()))
    console.print(table)
    if arguments.out:
        arguments.out.write_text(json.dumps([asdict(outcome) for outcome in outcomes], indent=2) + "\n")


if __name__ == "__main__":
    main()
