"""`rm-train train | check-reward | doctor`: a run, and what is looked at before it."""

from __future__ import annotations

import json
import signal
import sys
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from types import FrameType

import click

from rm_train.cli.fail import fail


@click.command()
@click.argument("task", default="pointwise")
@click.argument("overrides", nargs=-1)
@click.option("--fresh", is_flag=True, help="Forget what earlier attempts at this run left, and start anew.")
@click.option("--dry-run", is_flag=True, help="Print the resolved config and verl's command line; create nothing.")
@click.option("--prepare-only", is_flag=True, help="Make the data and the base model, try the reward, and end.")
@click.option("--retries", type=click.IntRange(0), default=0, show_default=True,
              help="How often a training that fails midway goes on from its last checkpoint.")  # fmt: skip
def train(task: str, overrides: tuple[str, ...], fresh: bool, dry_run: bool, prepare_only: bool, retries: int) -> None:
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
        from rm_train.storage import StorageError
    except ConfigError as error:
        fail(error)
    try:
        run_task(task, overrides, config, fresh=fresh, prepare_only=prepare_only, console=console, retries=retries)
    except (
        ConfigError,
        PrepareError,
        DataChangedError,
        ProcessFailedError,
        RunBusyError,
        Smollm2Error,
        StorageError,
        OSError,  # a full disk, a folder that can no longer be written
    ) as error:
        fail(error)
    except KeyboardInterrupt:
        click.echo("stopped; the same command goes on from the last checkpoint", err=True)
        sys.exit(130)


def _interrupt(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@click.command("check-reward")
@click.argument("overrides", nargs=-1)
@click.option("--config-dir", "-cd", type=click.Path(path_type=Path, exists=True, file_okay=False),
              help="A folder of your own configs, as verl's command line takes it.")  # fmt: skip
@click.option("--config-name", "-cn", default="ppo_trainer", show_default=True, help="The config to start from.")
def check_reward(overrides: tuple[str, ...], config_dir: Path | None, config_name: str) -> None:
    """Check the reward of your own verl run before you start it.

    OVERRIDES are those of your `python -m verl.trainer.main_ppo` line. The config is composed as verl does it, the
    reward that it names is made, and a few rows of data.train_files are scored with their right answer, an empty one
    and that of another row. No GPU is needed, and Ray does not start. What is wrong is listed with its key and its
    fix, and the exit status is 1. Responses that a policy can be paid for without being right (see lint-reward) are
    warnings.

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
        fail(error)


@click.command()
@click.argument("overrides", nargs=-1)
@click.option("--ray", is_flag=True, help="Also start a small Ray cluster, and end it again.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def doctor(overrides: tuple[str, ...], ray: bool, as_json: bool) -> None:
    """Examine this machine: versions, verl's plug-ins, devices, memory, folders, network, each with the fix.

    OVERRIDES such as runs_dir=FOLDER or cache_dir=FOLDER say where runs would write; with ray=existing
    ray_address=HOST:PORT each node of that cluster is examined too. The exit status is 1 when something must be
    repaired.
    """
    from rich.console import Console

    from rm_train.launch.checks import ConfigError
    from rm_train.launch.config import compose_config
    from rm_train.launch.doctor import examine, findings_table

    console = Console(highlight=False)
    try:
        config = compose_config("pointwise", overrides)
    except ConfigError as error:
        fail(error)
    with console.status("examining", spinner="dots") if not as_json else nullcontext():
        findings = list(examine(overrides, config, start_ray=ray))
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        console.print(findings_table(findings))
    sys.exit(any(finding.state == "error" for finding in findings))
