"""`rm-train score | lint-reward | serve | rewards`: rewards by themselves."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from rm_train.cli.fail import fail


@click.command()
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--reward",
    "described",
    required=True,
    help="A reward's name, a YAML file that describes one, or file.py:NAME or module:NAME.",
)
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
        fail(error)
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


@click.command("lint-reward")
@click.argument("described", metavar="REWARD")
@click.option("--set", "fields", multiple=True, metavar="FIELD=VALUE",
              help="A field of the reward, or a further argument of the function; may be repeated.")  # fmt: skip
@click.option("--data", "path", type=click.Path(path_type=Path, exists=True, dir_okay=False),
              help="Rows with prompt and reference: jsonl, json or parquet, verl's training data too.")  # fmt: skip
@click.option("--rows", type=click.IntRange(1), help="Rows of the data to use: 16 by default, 4 for LLM judges.")
@click.option("--gold", metavar="COLUMN", help="The column of the right answer, such as extra_info.answer.")
@click.option("--template", help="How the policy writes its answer: '<answer>{gold}</answer>'.")
@click.option("--prompt-key", help="The column of the prompt, if it is not one of the usual names.")
@click.option("--reference-key", help="The column of what the response is compared with.")
@click.option("--data-source", help="The data source of all rows, for functions that choose by it.")
@click.option("--tolerance", type=click.FloatRange(0, 1, min_open=True), default=0.5, show_default=True,
              help="The share of the gold's reward from which a wrong answer counts as paid.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def lint_reward(
    described: str,
    fields: tuple[str, ...],
    path: Path | None,
    rows: int | None,
    prompt_key: str | None,
    reference_key: str | None,
    as_json: bool,
    **options: Any,  # noqa: ANN401 - click's own options, passed on
) -> None:
    """Find what REWARD pays wrongly, with right and wrong responses made from the right answers of rows.

    REWARD is a name, a YAML or JSON file, or a function with verl's signature (data_source, solution_str,
    ground_truth, extra_info) or a class of rewards as module:name or file.py:name. Without --data, small rows written
    for the linter are used. Wrong responses are, among others: empty, negated, hedged, a list of all candidates, the
    right answer in the thought only or corrected to a wrong one, the prompt copied, injected tags.

    Findings: hackable (a wrong response is paid), misreads (a right one is not, on some rows), broken (right answers
    fail or get no more than wrong ones), flat (all responses get the same), raises. The exit status is 0 without
    findings, 1 with findings, and 2 if the reward could not be linted.

    \b
    rm-train lint-reward string_match --set mode=contains
    rm-train lint-reward math_verify_reward --data gsm8k/train.parquet --rows 32
    rm-train lint-reward my_reward.py:compute_score --data train.parquet
    rm-train lint-reward verl.utils.reward_score:default_compute_score --data-source openai/gsm8k
    rm-train lint-reward mix.yaml --data rows.jsonl --template '<think>ok</think><answer>{gold}</answer>'
    """
    from rich.console import Console

    from reward_fn.lint import lint, most_responses, reading
    from rm_train.scoring import Columns, described_reward, first_rows

    sys.path.insert(0, str(Path.cwd()))  # module:name may be a file beside the user, as for python -m
    try:
        reward = described_reward(described, fields)
        llm = reading(reward).llm
        count = rows or (4 if llm else 16)
        read = None if path is None else first_rows(path, count)
        if llm:
            most = most_responses(reward, count if read is None else len(read))
            click.echo(f"{reward.name} asks an LLM for every response: up to {most:,} requests", err=True)
        report = lint(reward, read, columns=Columns(prompt_key, None, reference_key), **options)
    except (ValueError, OSError) as error:
        fail(error, 2)
    if as_json:
        click.echo(json.dumps(report.to_dict(), indent=2))
    else:
        console = Console(highlight=False)
        console.print(report.table())
        for line in (*map(str, report.findings), *(f"note: {note}" for note in report.notes), report.summary):
            console.print(line, soft_wrap=True, markup=False)
    sys.exit(bool(report.findings))


@click.command()
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
        fail(ModuleNotFoundError(f"{error.name} is missing; install it with: pip install 'rm-train[serve]'"))
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
        fail(error)
    click.echo(f"stopped: {json.dumps(server.stats.told())}")


@click.group(invoke_without_command=True)
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
        fail(error)
    except KeyboardInterrupt:
        sys.exit(130)
