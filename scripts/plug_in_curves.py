"""Runs the examples of `examples/plug_in` and draws what they learnt: the picture and figures of docs/plug_in.md."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import click
import psutil
from curve_panels import Panel, draw
from rich.console import Console
from rich.table import Table

from rm_train.files import atomic_write_json, atomic_write_text
from rm_train.launch.process import MARK, ProcessFailedError, run_logged
from rm_train.report.curves import Steps, curve, read_steps

ROOT = Path(__file__).resolve().parents[1]
_COLORS_HELD_OUT = {"val-aux/colors/score/mean@1": "reward/score/mean"}
PANELS = {
    "rules": Panel(
        "rules: GRPO on a mix of three rules",
        "reward/score/mean",
        {"reward/right/mean": "right", "reward/form/mean": "form", "reward/length/mean": "length"},
        _COLORS_HELD_OUT,
    ),
    "judge": Panel(
        "judge: GRPO on the opinion of a judge",
        "reward/score/mean",
        {f"reward/rubric/{name}/mean": name for name in ("polite", "named", "brief")},
        _COLORS_HELD_OUT,
    ),
    "critic": Panel("critic: PPO with a critic on one rule", "reward/score/mean", {}, _COLORS_HELD_OUT),
    "routes": Panel(
        "routes: GRPO on two data sets, two rewards",
        "reward/score/mean",
        {f"reward/{name}/score/mean": name for name in ("counts", "chat")},
        {f"val-aux/{name}/score/mean@1": f"reward/{name}/score/mean" for name in ("counts", "chat")},
    ),
    "compare": Panel(
        "compare: GRPO on a tournament", "reward/score/mean", {"reward/score/std": "deviation"}, _COLORS_HELD_OUT
    ),
}
_SAMPLE_EVERY_S = 2.0
_CONSOLE = Console()


class _CpuSeconds:
    """Adds up the processor time of all processes of a run, of which most are Ray's and no child of ours.

    What a process uses after the last look at it is missed.
    """

    def __init__(self, mark: str) -> None:
        self._mark, self._looked = mark, 0.0
        self._seconds: dict[tuple[int, float], float] = {}

    def look(self) -> None:
        """Look at all processes, if the last time is some seconds ago."""
        if time.monotonic() - self._looked < _SAMPLE_EVERY_S:
            return
        self._looked = time.monotonic()
        for process in psutil.process_iter(["pid", "create_time", "environ", "cpu_times"]):
            found = process.info
            if (found["environ"] or {}).get(MARK) == self._mark:
                self._seconds[found["pid"], found["create_time"]] = found["cpu_times"].user + found["cpu_times"].system

    @property
    def total(self) -> float:
        """The seconds so far."""
        return sum(self._seconds.values())


def run_example(name: str, seed: int, folder: Path) -> None:
    """Run one example, and write `measured.json` beside what it has logged.

    Raises:
        ProcessFailedError: It ended with an error.
    """
    log = folder / "run.log"
    cpu = _CpuSeconds(str(log.resolve()))
    environment = {"SEED": str(seed), "RUN_DIR": str(folder), "PYTHON": sys.executable}
    began = time.perf_counter()
    run_logged([str(ROOT / "examples" / "plug_in" / "run.sh"), name], environment, log, cpu.look)
    measured = {"wall_s": time.perf_counter() - began, "cpu_s": cpu.total, "cores": os.cpu_count()}
    atomic_write_json(folder / "measured.json", measured)


def figures(name: str, seed: int, folder: Path, steps: Steps) -> list[str]:
    """Return a row of the table for a run."""
    panel = PANELS[name]
    told = [name, str(seed)]
    keys = {panel.reward: "reward", **panel.parts}
    told.append("\n".join(f"{label} {_from_to(steps, key)}" for key, label in keys.items()))
    told.append("\n".join(f"{key.split('/')[1]} {_from_to(steps, key)}" for key in panel.held_out))
    file = folder / "measured.json"
    measured = json.loads(file.read_text()) if file.exists() else {}
    told += [f"{measured[key]:.0f}" if key in measured else "?" for key in ("wall_s", "cpu_s", "cores")]
    return told


def _from_to(steps: Steps, key: str) -> str:
    points = curve(steps, key)
    return f"{points[0][1]:.2f} -> {points[-1][1]:.2f}" if points else "not logged"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--runs", type=click.Path(path_type=Path, exists=True, file_okay=False), help="Draw these finished runs.")
@click.option("--into", type=click.Path(path_type=Path, file_okay=False), default=ROOT / "runs" / "plug_in",
              help="Where new runs go.  [default: runs/plug_in]")  # fmt: skip
@click.option("--seeds", type=int, multiple=True, default=(0, 1), show_default=True, help="May be given several times.")
@click.option("--example", "examples", type=click.Choice(list(PANELS)), multiple=True, help="Only these.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default=ROOT / "docs" / "plug_in.svg",
              help="The picture.  [default: docs/plug_in.svg]")  # fmt: skip
def main(runs: Path | None, into: Path, seeds: tuple[int, ...], examples: tuple[str, ...], out: Path) -> None:
    """Run the plug-in's examples with some seeds, some three minutes each; then draw the curves and print the figures.

    Runs are kept in FOLDER/NAME/seedN, and --runs FOLDER draws them again.
    """
    folder, chosen = runs or into, examples or tuple(PANELS)
    if runs is None:
        for seed in seeds:
            for name in chosen:
                _CONSOLE.print(f"running {name} with seed {seed}")
                try:
                    run_example(name, seed, folder.resolve() / name / f"seed{seed}")
                except ProcessFailedError as error:
                    raise click.ClickException(str(error)) from None
    table = Table("example", "seed", "training, first -> last step", "held out, before -> after", "s", "CPU s", "cores")
    drawn = []
    for name in chosen:
        found = [(seed, path) for seed in seeds if (path := folder / name / f"seed{seed}").is_dir()]
        if not found:
            raise click.ClickException(
                f"{folder / name} has no run with the seeds {seeds}; leave out --runs to make them"
            )
        read = [(seed, path, read_steps(path)) for seed, path in found]
        drawn.append((PANELS[name], [steps for _, _, steps in read]))
        for seed, path, steps in read:
            table.add_row(*figures(name, seed, path, steps), end_section=True)
    atomic_write_text(out, draw(drawn))
    _CONSOLE.print(table, f"drawn: {out}")


if __name__ == "__main__":
    main()
