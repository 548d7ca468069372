"""The `rm-train` command: a thin door to the rooms of this package."""

from __future__ import annotations

import click

from rm_train.cli.cluster import cluster
from rm_train.cli.data import prepare
from rm_train.cli.jobs import jobs, submit
from rm_train.cli.judging import compare, evaluate, report
from rm_train.cli.plan import plan
from rm_train.cli.scoring import lint_reward, rewards, score, serve
from rm_train.cli.training import check_reward, doctor, train


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="rm-train")
def main() -> None:
    """Train a judge by reinforcement learning on human ratings, and measure it.

    \b
    The main job, from nothing to a report:   rm-train train
    The same on your own HelpSteer2 file:     rm-train train dataset=helpsteer2 dataset_path=FILE
    """


for command in (
    prepare,
    plan,
    train,
    check_reward,
    evaluate,
    score,
    lint_reward,
    serve,
    rewards,
    report,
    compare,
    doctor,
    cluster,
    submit,
    jobs,
):
    main.add_command(command)
