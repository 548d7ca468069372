"""Draws how finished runs of `run_pairwise.sh` lost their biases: the picture of docs/results.md."""

from __future__ import annotations

import json
from pathlib import Path

import click
import yaml
from curve_panels import Panel, draw

from rm_train.files import atomic_write_text
from rm_train.launch.run_folder import RunFolder
from rm_train.report.curves import Steps, curve, read_steps, smooth

ROOT = Path(__file__).resolve().parents[1]
RIGHT, FIRST, LONGER = (f"reward/{name}/mean" for name in ("acc", "chose_a", "chose_longer"))
_WINDOW = 5
"""Steps of the moving mean; a step judges 32 rows, so single ones are noisy."""


def name_of(run: Path) -> str:
    """Return what a run was trained by: its recipe, and whether the targets were shuffled."""
    shuffled = yaml.safe_load((run / "config.yaml").read_text())["shuffle_targets"]
    recipe = json.loads(RunFolder(run).record.read_text())["recipe"]
    return f"{recipe}{', shuffled targets' if shuffled else ''}"


def smoothed(steps: Steps) -> Steps:
    """Return the moving means of the three curves."""
    means: Steps = {}
    for key in (RIGHT, FIRST, LONGER):
        for step, value in smooth(curve(steps, key), _WINDOW):
            means.setdefault(step, {})[key] = value
    return means


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default=ROOT / "docs" / "pairwise.svg",
              help="The picture.  [default: docs/pairwise.svg]")  # fmt: skip
def main(runs: tuple[Path, ...], out: Path) -> None:
    """Draw the share of right verdicts, of verdicts for A and of verdicts for the longer answer, by training step.

    Runs of the same recipe, with other seeds, share a panel.
    """
    panels: dict[str, list[Steps]] = {}
    for run in runs:
        panels.setdefault(name_of(run), []).append(smoothed(read_steps(RunFolder(run).metrics)))
    parts = {FIRST: "for A", LONGER: "for the longer answer"}
    drawn = [
        (Panel(f"{name}; seeds: {len(found)}", RIGHT, parts, {}, "right"), found) for name, found in panels.items()
    ]
    atomic_write_text(out, draw(drawn))
    click.echo(f"drawn: {out}")


if __name__ == "__main__":
    main()
