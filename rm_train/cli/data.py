"""`rm-train prepare`: human ratings and preferences to verl parquet."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from reward_fn.judges.pointwise import ATTRIBUTES
from rm_train.cli.fail import fail


@click.command()
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
        fail(PrepareError(f"--dataset {dataset}: {source} is a data set by itself; leave the option out"))
    if wrong := [text for text in fields if not all(text.partition("=")[::2])]:
        fail(PrepareError(f"--field {wrong[0]}: write NAME=FIELD, such as chosen=better"))
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
        fail(error)
    counts = prepared.manifest["counts"]
    state = "written" if prepared.rebuilt else "up to date"
    click.echo(
        f"{out_dir}: {state}, {counts['train']['rows']} training and {counts['validation']['rows']} validation rows"
    )
    for reason, count in prepared.manifest["bad_rows"]["by_reason"].items():
        click.echo(f"left out: {count} rows: {reason}")
    if ties := prepared.manifest.get("dropped_ties"):
        click.echo(f"left out: {ties} ties")
