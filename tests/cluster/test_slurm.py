"""The SLURM example: its directives are sbatch's, and its logic runs here, with both "nodes" on this machine.

There is no SLURM: `srun` and `scontrol` are small scripts that do on this machine what they would do on others.
"""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from cluster_machine import ROOT, Machine, free_port

from rm_train.launch.run_folder import RunFolder
from rm_train.models.tiny.warm_start import WarmStart, build_tiny_judge

SCRIPT = ROOT / "examples" / "cluster" / "slurm.sh"
OPTIONS = {line.rstrip("=\n"): line.rstrip().endswith("=")
           for line in (Path(__file__).parent / "sbatch.txt").open() if not line.startswith("#")}  # fmt: skip

SRUN = """#!/usr/bin/env bash
# Runs a step on this machine, with a folder for Ray of the step's own.
echo "$*" >> "$STEPS"
while [ "${1#--}" != "$1" ]; do shift; done
mkdir -p "$TMPDIR/$$"
TMPDIR=$TMPDIR/$$ exec "$@"
"""
SCONTROL = """#!/usr/bin/env bash
case $1 in
  show) printf '127.0.0.1\\nnode2\\n' ;;
  requeue) echo "requeued $2" ;;
esac
"""
PYTHON = """#!/usr/bin/env bash
# An environment in which nothing is left to install.
if [ "$1 $2" = "-m pip" ]; then exit 0; fi
exec {python} "$@"
"""

QUICK = """#!/usr/bin/env bash
# Nodes that only run, and a training that ends a second after it is told to.
case "$*" in
  "-m pip"*) ;;
  *"cluster status"*) ;;
  *" cluster "*) trap 'echo "node ended"; exit 143' TERM; while :; do sleep 0.1; done ;;
  *" train "*) echo training; trap 'sleep 1; echo "run saved"; exit 130' TERM; for _ in {seconds}; do sleep 1; done ;;
  *) exec {python} "$@" ;;
esac
"""


def wrong(directives: list[str]) -> list[str]:
    """Return what sbatch would not take."""
    parsed = [re.fullmatch(r"--([a-z-]+)(=\S+)?", directive) for directive in directives]
    return [directive for directive, match in zip(directives, parsed, strict=True)
            if not match or OPTIONS.get(match[1]) is not bool(match[2])]  # fmt: skip


def directives() -> list[str]:
    return re.findall(r"^#SBATCH (.*)$", SCRIPT.read_text(), re.MULTILINE)


def test_the_directives_are_those_of_sbatch() -> None:
    assert len(directives()) == 11
    assert wrong(directives()) == []
    assert wrong(["--gpu-per-node=8", "--requeue=1", "--time", "-N 2", "--exclusive"]) == [
        "--gpu-per-node=8", "--requeue=1", "--time", "-N 2"]  # fmt: skip


def test_directives_stand_before_the_first_command_where_sbatch_reads_them() -> None:
    lines = [line for line in SCRIPT.read_text().splitlines() if line.strip()]
    first = next(number for number, line in enumerate(lines) if not line.startswith("#"))
    assert not any(line.startswith("#SBATCH") for line in lines[first:])


def test_it_says_that_sbatch_must_run_it() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SLURM_")}
    result = subprocess.run(["bash", SCRIPT], env=environment, capture_output=True, text=True)
    assert result.returncode == 1
    assert "submit this script with sbatch" in result.stderr


class Slurm:
    """A job of two nodes on this machine."""

    def __init__(self, machine: Machine, name: str, python: str = PYTHON) -> None:
        self.machine, self.folder = machine, machine.home / name
        self.log = self.folder / "log"
        for path, text in (("bin/srun", SRUN), ("bin/scontrol", SCONTROL), ("venv/bin/python", python)):
            file = self.folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text.replace("{python}", sys.executable))
            file.chmod(0o755)

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        environment = self.machine.environment(
            PATH=f"{self.folder / 'bin'}:{os.environ['PATH']}", VIRTUAL_ENV=str(self.folder / "venv"),
            SLURM_SUBMIT_DIR=str(ROOT), SLURM_JOB_ID="7", SLURM_JOB_NUM_NODES="2", SLURM_JOB_NODELIST="node[1-2]",
            STEPS=str(self.folder / "steps"), RAY_PORT=str(free_port()),
            RAY_DASHBOARD_PORT=str(free_port()),
            RAY_NODE_OPTIONS="--gpus 1 --cpus 8", TMPDIR=str(self.folder),
        )  # fmt: skip
        with self.log.open("wb") as log:
            return subprocess.Popen(["bash", SCRIPT, *words], env=environment, stdout=log, stderr=log)

    def said(self) -> str:
        return self.log.read_text()

    def left(self) -> list[str]:
        """Return the processes that still use the job's folder."""
        return [" ".join(process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"])
                if str(self.folder) in " ".join(process.info["cmdline"] or [])]  # fmt: skip


@pytest.fixture
def slurm(machine: Machine, request: pytest.FixtureRequest) -> Slurm:
    return Slurm(machine, f"j{len(request.node.name)}")  # short: Ray's sockets lie in it


def test_a_finished_run_ends_the_job(machine: Machine) -> None:
    slurm = Slurm(machine, "q1", QUICK.replace("{seconds}", "1"))
    assert slurm.start("pointwise").wait(60) == 0
    assert slurm.said().count("node ended") == 2 and "requeued" not in slurm.said()


def test_a_run_that_is_told_to_end_saves_before_the_job_is_requeued(machine: Machine) -> None:
    slurm = Slurm(machine, "q2", QUICK.replace("{seconds}", "{1..60}"))
    process = slurm.start("pointwise")
    while "training" not in slurm.said():
        assert process.poll() is None, slurm.said()
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 130
    told = [line for line in slurm.said().splitlines() if line in ("run saved", "requeued 7", "node ended")]
    assert told == ["run saved", "requeued 7", "node ended", "node ended"]
    assert slurm.left() == []


@pytest.mark.slow
def test_a_job_starts_a_cluster_runs_on_it_and_ends_it(slurm: Slurm) -> None:
    process = slurm.start("pointwise", "hardware=cpu", "--dry-run")
    assert process.wait(300) == 0, slurm.said()
    head, worker = sorted((slurm.folder / "steps").read_text().splitlines(), key=lambda step: "worker" in step)
    assert "head --block" in head and "--nodelist=127.0.0.1" in head
    assert "worker 127.0.0.1:" in worker and "--exclude=127.0.0.1" in worker
    assert "nodes alive: 2, dead: 0; GPUs: 2, free: 2" in slurm.said()
    assert "ray_address=127.0.0.1:" in slurm.said() or "address: 127.0.0.1:" in slurm.said()
    assert not re.search(r"\b[0-9a-f]{64}\b", slurm.said())
    assert "requeued" not in slurm.said()
    assert slurm.left() == []


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_job_whose_time_is_up_saves_and_goes_back_into_the_queue(slurm: Slurm) -> None:
    cache = slurm.machine.home / ".cache" / "rm-train" / "tiny-judge-v1-seed0"
    build_tiny_judge(cache, 0, WarmStart(prompts=100, steps=20))
    run = RunFolder(slurm.folder / "run")
    words = (
        *("pointwise", "hardware=cpu", "trainer.nnodes=2", "trainer.n_gpus_per_node=1", f"run_dir={run.path}"),
        *("max_train_rows=64", "max_val_rows=8", "val_rows=8", "data.train_batch_size=4"),
        *("actor_rollout_ref.rollout.n=2", "trainer.save_freq=1"),
        *(f"actor_rollout_ref.{part}_micro_batch_size_per_gpu=4" for part in ("actor.ppo", "rollout.log_prob")),
    )
    process = slurm.start(*words, "steps=16")
    until = time.monotonic() + 500
    while run.trained_steps() < 1:
        assert process.poll() is None and time.monotonic() < until, slurm.said()
        time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    assert process.wait(200) == 130, slurm.said()
    assert "the run saves its step and ends" in slurm.said() and "requeued 7" in slurm.said()
    assert slurm.left() == []
    done = run.trained_steps()
    assert 1 <= done < 16
    assert slurm.start(*words, f"steps={done + 1}").wait(500) == 0, slurm.said()
    assert run.trained_steps() == done + 1
    assert slurm.left() == []
