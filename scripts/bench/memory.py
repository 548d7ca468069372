"""Memory of all processes of a run together, and what passes between the command and the first step.

Memory is the sum of PSS (proportional set size: a page that several processes share is split among them), read from
Linux's /proc once a second. Processes are found by the mark that the launcher gives all that a run starts; the command
itself is added.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import click
import psutil
from common import CONSOLE, machine, model_folder, write_json
from rich.table import Table

from rm_train.launch.metrics_file import MetricsTail
from rm_train.launch.process import MARK
from rm_train.launch.run_folder import RunFolder

LIMIT_GIB = {"tiny": 5.0, "smollm2": 10.0}
FIRST_STEP_S = 40.0
"""What a run may take: memory, and the time from the command to the first step's end."""

INTERVAL_S = 1.0

_SIGNS = (
    ("raylet", "Ray has started"),
    ("ray::TaskRunner", "Ray has started verl's driver"),
    ("ray::WorkerDict", "the driver has imported verl and started the trainer's worker"),
    ("ray::RolloutServer", "the trainer's worker has built the model"),
    ("ray::AgentLoopWorker", "the rollout server has loaded the model"),
)
"""A process whose name begins so, and what has happened when it is first seen."""


@dataclass(slots=True)
class Watch:
    """What has been seen of a run.

    Attributes:
        command: The process of the command.
        began: When it was started.
        events: Seconds after the start at which something was first seen.
        peak: The most memory, in GiB, and each process's share of it by name.
    """

    command: psutil.Process
    began: float
    events: dict[str, float] = field(default_factory=dict)
    peak: Counter[str] = field(default_factory=Counter)

    def note(self, event: str) -> None:
        """Note when an event was first seen."""
        self.events.setdefault(event, time.perf_counter() - self.began)

    def look(self) -> None:
        """Add up the memory of the processes there are now, and note which there are."""
        marks = {mark for child in _alive(self.command.children()) if (mark := _mark(child))}
        others = [process for process in psutil.process_iter() if _mark(process) in marks]
        held: Counter[str] = Counter()
        for process in [self.command, *others]:
            try:
                name = _name(process)
                held[name] += _pss(process.pid) / 2**30
            except (psutil.NoSuchProcess, psutil.AccessDenied, FileNotFoundError, ProcessLookupError):
                continue  # it has ended meanwhile
            for sign, event in _SIGNS:
                if name.startswith(sign):
                    self.note(event)
        if held.total() > self.peak.total():
            self.peak = held


def _alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [process for process in processes if process.is_running()]


def _mark(process: psutil.Process) -> str | None:
    try:
        mark: str | None = process.environ().get(MARK)
    except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
        return None
    return mark


def _name(process: psutil.Process) -> str:
    """Return what a process is: a Ray actor's class, a module, or a program."""
    words = process.cmdline() or [process.name()]
    if words[0].startswith("ray::"):
        return words[0].split(".")[0].split()[0]
    if "-m" in words[:3]:
        return words[words.index("-m") + 1]
    scripts = [Path(word).name for word in words[1:] if word.endswith(".py")]
    return scripts[0] if scripts else Path(words[0]).name


def _pss(pid: int) -> int:
    """Return a process's proportional set size in bytes."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0


def watch_run(model: str, steps: int, folder: RunFolder) -> Watch:
    """Run `rm-train train` from its start to its report and watch it.

    Raises:
        ClickException: The run failed.
    """
    command = [sys.executable, "-m", "rm_train.cli", "train", "pointwise", f"base_model={model}", f"steps={steps}"]
    process = subprocess.Popen(
        [*command, "hardware=cpu", "dataset=synthetic", f"run_dir={folder.path}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    watch = Watch(psutil.Process(process.pid), time.perf_counter())
    tail = MetricsTail(folder.path / "metrics" / "0001.jsonl")
    try:
        while process.poll() is None:
            watch.look()
            for step, values in tail():
                if "timing_s/step" in values:
                    watch.note("the first step has ended")
                elif step == 0:
                    watch.note("the first validation has ended")
            time.sleep(INTERVAL_S)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait()
    output = process.stdout.read() if process.stdout else ""
    if process.returncode != 0:
        raise click.ClickException(f"the run failed:\n{output}")
    return watch


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--model", type=click.Choice(list(LIMIT_GIB)), default="tiny", show_default=True)
@click.option("--steps", type=click.IntRange(1), default=3, show_default=True)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Where the figures go, as JSON.")
def main(model: str, steps: int, out: Path | None) -> None:
    """Measure a run's memory and the time to its first step (Linux only)."""
    model_folder(model)
    before = machine()
    with tempfile.TemporaryDirectory(prefix="rm-train-bench-") as scratch:
        folder = RunFolder(Path(scratch))
        with CONSOLE.status(f"running {steps} steps of {model}"):
            watch = watch_run(model, steps, folder)
        phases = json.loads(folder.record.read_text())["seconds"]
    memory = Table("process", "GiB", title=f"{model}: memory at its peak, of all processes")
    for name, size in watch.peak.most_common(12):
        memory.add_row(name, f"{size:.2f}")
    memory.add_row("all", f"{watch.peak.total():.2f}", style="bold")
    start = Table("seconds after the command", "", title="to the first step")
    for event, seconds in sorted(watch.events.items(), key=lambda item: item[1]):
        start.add_row(f"{seconds:.1f}", event)
    CONSOLE.print(memory, start)
    CONSOLE.print("the command's phases, s: " + ", ".join(f"{name} {seconds}" for name, seconds in phases.items()))
    CONSOLE.print(f"memory: {watch.peak.total():.2f} GiB (aim: below {LIMIT_GIB[model]:g})")
    CONSOLE.print(f"first step: {watch.events['the first step has ended']:.0f} s (aim: below {FIRST_STEP_S:g})")
    figures = {"model": model, "peak_gib": watch.peak.total(), "peak_by_process_gib": dict(watch.peak)}
    write_json(out, figures | {"events_s": watch.events, "phases_s": phases, "machine": before})


if __name__ == "__main__":
    main()
