"""`rm-train evaluate | report | compare`: what came of a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from rm_train.cli.fail import fail


@click.command()
@click.option("--model", required=True, help="A model folder or a name on the Hugging Face hub.")
@click.option("--data", required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False),
              help="verl parquet, as `rm-train prepare` writes it.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Where metrics and judgments go.")
@click.option("--batch-size", type=click.IntRange(1), default=64, show_default=True)
@click.option("--max-new-tokens", type=click.IntRange(1), default=256, show_default=True)
@click.option("--dtype", type=click.Choice(["auto", "float32", "bfloat16"]), default="auto", show_default=True)
@click.option("--limit", type=click.IntRange(1), help="Judge only the first rows.")
@click.option("--on-long-prompt", type=click.Choice(["stop", "skip"]), default="stop", show_default=True)
def evaluate(model: str, data: Path, out: Path | None, **options: Any) -> None:  # noqa: ANN401 - click's own options
    """Let a judge answer every row greedily, and print how often it is right.

    The rows say whether the judge rates one answer (`rm-train prepare synthetic`) or compares two, each pair in both
    orders (`rm-train prepare synthetic_pairwise`).
    """
    from rich.console import Console
    from rich.progress import Progress

    from rm_train.evaluation.evaluate import evaluate_model
    from rm_train.report import evaluation_table

    console = Console(highlight=False)
    try:
        with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
            task = bar.add_task("judging", total=None)
            evaluation = evaluate_model(
                model, data, out, progress=lambda done, total: bar.update(task, completed=done, total=total), **options
            )
    except (ValueError, OSError) as error:
        fail(error)
    console.print(evaluation_table(evaluation))


@click.command()
@click.argument("run_dir", type=click.Path(path_type=Path, exists=True, file_okay=False))
def report(run_dir: Path) -> None:
    """Write the report of a run folder again, and print its table."""
    from rich.console import Console

    from rm_train.report import console_table, write_report

    try:
        written = write_report(run_dir)
    except (ValueError, OSError) as error:
        fail(error)
    Console(highlight=False).print(console_table(written))
    click.echo(f"report: {run_dir / 'report.html'}")


@click.command()
@click.argument("run_dirs", metavar="RUN...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default="compare.html", show_default=True,
              help="Where the page goes.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
def compare(run_dirs: tuple[Path, ...], out: Path, as_json: bool) -> None:
    """Put finished runs side by side: what was trained, on what, and what came of it.

    Each RUN is a run folder. The page has the training curves of all runs over each other. Runs of different kinds of
    judges get a table each, and different data is pointed out.

    \b
    rm-train compare runs/exact runs/linear --out exact-or-linear.html
    """
    from rich.console import Console

    from rm_train.files import atomic_write_text
    from rm_train.report.compare import as_json as comparison_as_json
    from rm_train.report.compare import compare_runs, headline
    from rm_train.report.compare_page import comparison_table, render_comparison

    try:
        groups = compare_runs(run_dirs)
        atomic_write_text(out, render_comparison(groups))
    except (ValueError, OSError) as error:
        fail(error)
    if as_json:
        click.echo(json.dumps(comparison_as_json(groups), indent=2))
        return
    console = Console(highlight=False)
    click.echo(headline(groups))
    for group in groups:
        console.print(comparison_table(group))
    click.echo(f"comparison: {out}")
