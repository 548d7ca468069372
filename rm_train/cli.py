"""The `rm-train` command: a thin door to the rooms of this package."""

from __future__ import annotations

import json
import signal
import sys
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import Any

import click

from reward_fn.judges.pointwise import ATTRIBUTES


def _fail(error: Exception) -> None:
    """End the command with an error that a person can act on, without a traceback."""
    raise click.ClickException(str(error)) from error


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="rm-train")
def main() -> None:
    """Train a judge by reinforcement learning on human ratings, and measure it.

    \b
    The main job, from nothing to a report:   rm-train train
    The same on your own HelpSteer2 file:     rm-train train dataset=helpsteer2 dataset_path=FILE
    """


@main.command()
@click.argument("source")
@click.argument("out_dir", type=click.Path(path_type=Path, file_okay=False))
@click.option("--dataset", help="What SOURCE holds: helpsteer2 (the default), helpsteer2_preference, helpsteer3, "
                                "rmb_pairs or chosen_rejected.")  # fmt: skip
@click.option("--attribute", type=click.Choice(list(ATTRIBUTES)), default="helpfulness", show_default=True,
              help="The rating that is the target.")  # fmt: skip
@click.option("--form", default="pairwise", show_default=True, help="How a judge is asked about two answers.")
@click.option("--field", "fields", multiple=True, metavar="NAME=FIELD",
              help="What a field of chosen_rejected is called in SOURCE; may be repeated.")  # fmt: skip
@click.option("--drop-ties", is_flag=True, help="Leave out pairs of which neither answer is better.")
@click.option("--on-bad-row", type=click.Choice(["stop", "skip"]), default="stop", show_default=True,
              help="Stop at a row that cannot be used, or skip, count and list it.")  # fmt: skip
@click.option("--val-fraction", type=float, default=0.05, show_default=True,
              help="Share of prompts held out where the source has no split of its own.")  # fmt: skip
@click.option("--max-train-rows", type=int, help="Keep the first so many training rows.")
@click.option("--max-val-rows", type=int, help="Keep the first so many validation rows.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seeds the synthetic rows.")
def prepare(
    source: str,
    out_dir: Path,
    dataset: str | None,
    fields: tuple[str, ...],
    **options: Any,  # noqa: ANN401 - click's own
) -> None:
    """Turn ratings of answers, or preferences between two, into verl parquet.

    SOURCE is a file (.jsonl or .jsonl.gz; preferences also .json or .parquet), a folder that holds train and
    validation files, a name on the Hugging Face hub, or the word "synthetic" or "synthetic_pairwise" for an embedded
    synthetic set. OUT_DIR gets train.parquet, validation.parquet and manifest.json; the same input again is left as it
    is.

    \b
    rm-train prepare ratings.jsonl.gz data/ratings
    rm-train prepare preference.jsonl.gz data/pairs --dataset helpsteer2_preference
    rm-train prepare mine.jsonl data/mine --dataset chosen_rejected --field chosen=better --field rejected=worse
    """
    from rm_train.data import PrepareError, PrepareSettings
    from rm_train.data import prepare as prepare_data
    from rm_train.data.settings import GENERATED

    generated = source in GENERATED
    if generated and dataset is not None:
        _fail(PrepareError(f"--dataset {dataset}: {source} is a data set by itself; leave the option out"))
    if wrong := [text for text in fields if not all(text.partition("=")[::2])]:
        _fail(PrepareError(f"--field {wrong[0]}: write NAME=FIELD, such as chosen=better"))
    settings = PrepareSettings(
        dataset=source if generated else dataset or "helpsteer2",
        path=None if generated else source,
        out_dir=out_dir,
        fields=dict(text.split("=", 1) for text in fields),
        **options,
    )
    try:
        prepared = prepare_data(settings, progress=sys.stderr.isatty())
    except (PrepareError, OSError) as error:
        _fail(error)
    counts = prepared.manifest["counts"]
    state = "written" if prepared.rebuilt else "up to date"
    click.echo(
        f"{out_dir}: {state}, {counts['train']['rows']} training and {counts['validation']['rows']} validation rows"
    )
    for reason, count in prepared.manifest["bad_rows"]["by_reason"].items():
        click.echo(f"left out: {count} rows: {reason}")
    if ties := prepared.manifest.get("dropped_ties"):
        click.echo(f"left out: {ties} ties")


@main.command()
@click.argument("task", default="pointwise")
@click.argument("overrides", nargs=-1)
@click.option("--fresh", is_flag=True, help="Forget what earlier attempts at this run left, and start anew.")
@click.option("--dry-run", is_flag=True, help="Print the resolved config and verl's command line; create nothing.")
@click.option("--prepare-only", is_flag=True, help="Make the data and the base model, try the reward, and end.")
def train(task: str, overrides: tuple[str, ...], fresh: bool, dry_run: bool, prepare_only: bool) -> None:
    """Train a judge with verl, and report what came of it.

    TASK is a config in the configs folder (pointwise); OVERRIDES are Hydra overrides of its keys. The same command
    continues an interrupted run, and shows the report of a finished one.

    \b
    rm-train train                                            the tiny judge on the embedded synthetic set
    rm-train train recipe=linear steps=40 seed=1              another reward, fewer steps, another seed
    rm-train train dataset=helpsteer2 dataset_path=FILE       your own HelpSteer2 ratings
    rm-train train base_model=hf base_model_path=FOLDER       your own model
    rm-train train --dry-run                                  what would run, and with which settings
    rm-train train hardware=cpu                               not what the machine has (hardware=auto)

    The first override may be given without the task.
    """
    if "=" in task:
        task, overrides = "pointwise", (task, *overrides)
    from rich.console import Console

    from rm_train.launch.checks import ConfigError, check_config, settle
    from rm_train.launch.config import compose_config
    from rm_train.launch.dry_run import dry_run as show_dry_run
    from rm_train.launch.hardware import with_hardware

    # SIGTERM stops a run as Ctrl-C does: verl is ended in order, and nothing is left running.
    signal.signal(signal.SIGTERM, _interrupt)
    console = Console(highlight=False)
    try:
        overrides, said = with_hardware(overrides)
        if said:
            click.echo(said, err=dry_run)
        config = compose_config(task, overrides)
        if dry_run:
            settle(check_config(overrides, config, dry_run=True), Console(stderr=True, highlight=False))
            show_dry_run(task, overrides, config, console)
            return
        settle(check_config(overrides, config, dry_run=False), console)
        from rm_train.data import PrepareError
        from rm_train.launch.pipeline import DataChangedError, run_task
        from rm_train.launch.process import ProcessFailedError
        from rm_train.launch.run_folder import RunBusyError
        from rm_train.models.smollm2 import Smollm2Error
    except ConfigError as error:
        _fail(error)
    try:
        run_task(task, overrides, config, fresh=fresh, prepare_only=prepare_only, console=console)
    except (
        ConfigError,
        PrepareError,
        DataChangedError,
        ProcessFailedError,
        RunBusyError,
        Smollm2Error,
        OSError,  # a full disk, a folder that can no longer be written
    ) as error:
        _fail(error)
    except KeyboardInterrupt:
        click.echo("stopped; the same command goes on from the last checkpoint", err=True)
        sys.exit(130)


def _interrupt(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@main.command("check-reward")
@click.argument("overrides", nargs=-1)
@click.option("--config-dir", "-cd", type=click.Path(path_type=Path, exists=True, file_okay=False),
              help="A folder of your own configs, as verl's command line takes it.")  # fmt: skip
@click.option("--config-name", "-cn", default="ppo_trainer", show_default=True, help="The config to start from.")
def check_reward(overrides: tuple[str, ...], config_dir: Path | None, config_name: str) -> None:
    """Check the reward of your own verl run before you start it.

    OVERRIDES are those of your `python -m verl.trainer.main_ppo` line. The config is composed as verl does it, the
    reward that it names is made, and a few rows of data.train_files are scored with their right answer, an empty one
    and that of another row. No GPU is needed, and Ray does not start. What is wrong is listed with its key and its
    fix, and the exit status is 1.

    \b
    rm-train check-reward data.train_files=gsm8k/train.parquet \\
      reward.custom_reward_function.path=pkg://reward_fn.adapters.verl \\
      +reward.custom_reward_function.reward_kwargs.reward=math_verify_reward
    """
    from rich.console import Console

    from rm_train.launch.check_reward import check_reward as check
    from rm_train.launch.checks import ConfigError

    try:
        check(overrides, Console(highlight=False), config_dir=config_dir, config_name=config_name)
    except ConfigError as error:
        _fail(error)


@main.command()
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
        _fail(error)
    console.print(evaluation_table(evaluation))


@main.command()
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--reward", "described", required=True, help="A reward's name, or a YAML file that describes one.")
@click.option("--set", "fields", multiple=True, metavar="FIELD=VALUE", help="A field of the reward; may be repeated.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False),
              help="Where the rows go with their rewards; FILE.scored.jsonl by default.")  # fmt: skip
@click.option("--prompt-key", help="The column of the prompt, if it is not one of the usual names.")
@click.option("--answer-key", help="The column of the answer, or of a list of answers.")
@click.option("--reference-key", help="The column of what the answer is compared with, such as extra_info.answer.")
@click.option("--key", default="reward", show_default=True, help="The column that rows get.")
@click.option("--on-bad-row", type=click.Choice(["stop", "skip"]), default="stop", show_default=True,
              help="Stop at a row that is no sample, or leave it out and count it.")  # fmt: skip
@click.option("--limit", type=click.IntRange(1), help="Read only the first rows.")
@click.option("--max-workers", type=click.IntRange(1), default=64, show_default=True,
              help="Rows that are waited for at a time.")  # fmt: skip
@click.option("--fresh", is_flag=True, help="Forget what an interrupted run has done, and start anew.")
def score(
    path: Path,
    described: str,
    fields: tuple[str, ...],
    out: Path | None,
    prompt_key: str | None,
    answer_key: str | None,
    reference_key: str | None,
    **options: Any,  # noqa: ANN401 - click's own options, passed on
) -> None:
    """Score the answers in FILE with a reward, and print what they have got.

    FILE is .jsonl, .jsonl.gz or .parquet: a rollout dump of verl (trainer.rollout_data_dir), samples of reward_fn, or
    rows with columns for prompt, answer and reference under usual names. The same command continues an interrupted
    run. The exit status is 1 when no answer has a score.

    \b
    rm-train score 10.jsonl --reward math_verify_reward
    rm-train score rows.parquet --reward length_penalty --set max_length=800
    rm-train score 10.jsonl --reward examples/rewards/mix.yaml --out scored.jsonl
    rm-train rewards                                          all rewards
    """
    from rich.console import Console

    from rm_train.scoring import Columns, ScoreError, ScoreSettings, described_reward, score_file, summary_tables

    console = Console(highlight=False)
    out = out or path.with_name(f"{path.name.removesuffix('.gz').removesuffix(path.suffix)}.scored.jsonl")
    columns = Columns(prompt_key, answer_key, reference_key)
    try:
        reward = described_reward(described, fields)
        summary = score_file(reward, ScoreSettings(path, out, columns, **options), progress=sys.stderr.isatty())
    except (ScoreError, OSError) as error:
        _fail(error)
    except KeyboardInterrupt:
        click.echo("stopped; the same command goes on from here", err=True)
        sys.exit(130)
    for table in summary_tables(summary):
        console.print(table)
    for reason, count in summary.bad_rows.items():
        click.echo(f"left out: {count} rows: {reason}")
    rate = f", {summary.new_answers / summary.seconds:,.0f} answers/s" if summary.seconds else ""
    click.echo(f"{out}: {summary.rows:,} rows{rate}")
    sys.exit(not summary.scores)


@main.command()
@click.argument("described", metavar="REWARD")
@click.option("--on-failure", required=True, metavar="raise|constant:X",
              help="What an answer without a score gets: an error (HTTP 500), or a number.")  # fmt: skip
@click.option("--set", "fields", multiple=True, metavar="FIELD=VALUE", help="A field of the reward; may be repeated.")
@click.option("--fields", "places", default="{}", metavar="YAML",
              help="Where a sample's fields stand: '{reference: ground_truth.answer}' in labels.")  # fmt: skip
@click.option("--scores", metavar="PART", help="The part that dynamic filtering goes by; the reward by default.")
@click.option("--end-token", "end_tokens", multiple=True, help="What ends an answer, if not a usual special token.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen at; 0.0.0.0 for all.")
@click.option("--port", type=click.IntRange(0, 65535), default=5000, show_default=True, help="0 takes a free one.")
@click.option("--max-mb", type=click.IntRange(1), default=64, show_default=True, help="The largest request.")
def serve(
    described: str,
    on_failure: str,
    fields: tuple[str, ...],
    places: str,
    scores: str | None,
    end_tokens: tuple[str, ...],
    host: str,
    port: int,
    max_mb: int,
) -> None:
    """Serve REWARD, a name or a YAML file, by OpenRLHF's protocol for remote rewards.

    The URL is for OpenRLHF's --reward.remote_url; GET /stats counts answers and failures. SIGTERM and Ctrl-C end it
    when the requests in flight are answered.

    \b
    rm-train serve math_verify_reward --on-failure raise
    rm-train serve mix.yaml --on-failure constant:0 --host 0.0.0.0 --port 5000
    """
    import yaml

    from reward_fn.adapters.openrlhf.scorer import END_TOKENS, Scorer
    from reward_fn.adapters.rows import SampleFields
    from reward_fn.loading import RewardConfigError
    from rm_train.scoring import ScoreError, described_reward

    try:
        from reward_fn.adapters.openrlhf.server import RewardServer
    except ModuleNotFoundError as error:
        _fail(ModuleNotFoundError(f"{error.name} is missing; install it with: pip install 'rm-train[serve]'"))
    try:
        scorer = Scorer(
            described_reward(described, fields),
            on_failure=on_failure,
            fields=SampleFields.model_validate(yaml.safe_load(places)),
            end_tokens=end_tokens or END_TOKENS,
            scores=scores,
        )
        server = RewardServer(scorer, max_bytes=max_mb * 2**20)
        server.run(host, port, lambda url: click.echo(f"{scorer.reward.name} at {url}, on_failure {on_failure}"))
    except (ScoreError, RewardConfigError, ValueError, yaml.YAMLError, OSError) as error:
        _fail(error)
    click.echo(f"stopped: {json.dumps(server.stats.told())}")


@main.group(invoke_without_command=True)
@click.pass_context
def rewards(context: click.Context) -> None:
    """List all rewards: name, pattern, range, and what each one measures; or look at those of running jobs.

    \b
    rm-train rewards                                          all rewards
    rm-train rewards status                                   what those of running jobs are at
    """
    from reward_fn.registry import RewardRegistry

    if context.invoked_subcommand is None:
        click.echo(RewardRegistry.list())


@rewards.command()
@click.option("--address", default="auto", show_default=True, metavar="HOST:PORT",
              help="The Ray cluster; auto is RAY_ADDRESS, or the one that this machine is part of.")  # fmt: skip
@click.option("--watch", type=click.FloatRange(0.1), metavar="SECONDS", help="Look again every so often, until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="Print a line of JSON instead of tables.")
def status(address: str, watch: float | None, as_json: bool) -> None:
    """Show what the rewards of running jobs are at: scored, failed, in flight, latencies, tokens, cost, actors.

    It joins a Ray cluster that runs already, asks what rewards have there (see docs/hosting.md), and changes nothing.

    \b
    rm-train rewards status --watch 2
    rm-train rewards status --address 10.0.0.1:6379 --json
    """
    from rm_train.status import ClusterError, show_status

    try:
        show_status(address, watch, as_json=as_json)
    except ClusterError as error:
        _fail(error)
    except KeyboardInterrupt:
        sys.exit(130)


@main.command()
@click.argument("run_dir", type=click.Path(path_type=Path, exists=True, file_okay=False))
def report(run_dir: Path) -> None:
    """Write the report of a run folder again, and print its table."""
    from rich.console import Console

    from rm_train.report import console_table, write_report

    try:
        written = write_report(run_dir)
    except (ValueError, OSError) as error:
        _fail(error)
    Console(highlight=False).print(console_table(written))
    click.echo(f"report: {run_dir / 'report.html'}")


@main.command()
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
        _fail(error)
    if as_json:
        click.echo(json.dumps(comparison_as_json(groups), indent=2))
        return
    console = Console(highlight=False)
    click.echo(headline(groups))
    for group in groups:
        console.print(comparison_table(group))
    click.echo(f"comparison: {out}")


@main.command()
@click.argument("overrides", nargs=-1)
@click.option("--ray", is_flag=True, help="Also start a small Ray cluster, and end it again.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def doctor(overrides: tuple[str, ...], ray: bool, as_json: bool) -> None:
    """Examine this machine: versions, verl's plug-ins, devices, memory, folders, network, each with the fix.

    OVERRIDES such as runs_dir=FOLDER or cache_dir=FOLDER say where runs would write. The exit status is 1 when
    something must be repaired.
    """
    from rich.console import Console

    from rm_train.launch.checks import ConfigError
    from rm_train.launch.config import compose_config
    from rm_train.launch.doctor import examine, findings_table

    console = Console(highlight=False)
    try:
        config = compose_config("pointwise", overrides)
    except ConfigError as error:
        _fail(error)
    with console.status("examining", spinner="dots") if not as_json else nullcontext():
        findings = list(examine(overrides, config, start_ray=ray))
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        console.print(findings_table(findings))
    sys.exit(any(finding.state == "error" for finding in findings))


if __name__ == "__main__":
    main()
