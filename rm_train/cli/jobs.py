"""`rm-train submit | jobs`: runs as jobs of a Ray cluster."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from rm_train.cli.fail import fail
from rm_train.launch.nodes.connect import show_token

if TYPE_CHECKING:
    from rm_train.jobs.client import Cluster

Command = TypeVar("Command", bound=Callable[..., Any])

_write = partial(click.echo, nl=False)
_say = partial(click.echo, err=True)


def _address(command: Command) -> Command:
    return click.option("--address", metavar="URL", help="The dashboard, http://HOST:8265; by default what "
                        "RAY_API_SERVER_ADDRESS or RAY_ADDRESS say, else this machine's.")(command)  # fmt: skip


@contextmanager
def _cluster(address: str | None) -> Iterator[Cluster]:
    from rm_train.jobs.client import JobError, cluster_at
    from rm_train.launch.checks import ConfigError

    try:
        with cluster_at(address) as cluster:
            yield cluster
    except (JobError, ConfigError) as error:
        fail(error)


@click.command()
@click.argument("task", default="pointwise")
@click.argument("overrides", nargs=-1)
@_address
@click.option("--name", help="What to call the job; by default the task and the time.")
@click.option("--follow", is_flag=True, help="Show the log, and end as the job does.")
@click.option("--secret", "secrets", multiple=True, metavar="NAME",
              help="A variable that every node must have, such as WANDB_API_KEY; its value is never sent.")  # fmt: skip
@click.option("--include", "includes", multiple=True, type=click.Path(path_type=Path),
              help="A module, package or reward file of yours that the job carries.")  # fmt: skip
@click.option("--retries", type=click.IntRange(0), default=0, show_default=True,
              help="How often a training that fails midway goes on from its last checkpoint.")  # fmt: skip
@click.option("--wait", type=click.FloatRange(0), default=0.0, show_default=True, metavar="SECONDS",
              help="How long to wait for a cluster that is too small yet.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Check, and show what would be submitted; no cluster is asked.")
def submit(
    task: str,
    overrides: tuple[str, ...],
    address: str | None,
    name: str | None,
    follow: bool,
    secrets: tuple[str, ...],
    includes: tuple[Path, ...],
    retries: int,
    wait: float,
    dry_run: bool,
) -> None:
    """Submit a training run to a Ray cluster as a job.

    TASK and OVERRIDES are those of `rm-train train`; runs_dir must be a folder that all nodes see. The job carries this
    code and its configs, no data and no packages. With --follow the exit status is 0 when the job succeeds, its own
    when it fails, and 130 when it is stopped; Ctrl-C ends the following only.

    \b
    rm-train submit runs_dir=/shared/runs --address http://HEAD:8265 --follow
    rm-train submit pairwise recipe=j1 runs_dir=/shared/runs --secret WANDB_API_KEY --retries 2
    """
    if "=" in task:
        task, overrides = "pointwise", (task, *overrides)
    show_token()
    from rich.console import Console

    from rm_train.jobs.client import JobError
    from rm_train.jobs.request import JobRequest
    from rm_train.launch.checks import ConfigError

    try:
        request = JobRequest(
            name=name or f"{task}-{datetime.now(timezone.utc):%Y%m%d-%H%M%S}",
            task=task,
            overrides=overrides,
            secrets=secrets,
            includes=tuple(str(path.absolute()) for path in includes),
            retries=retries,
        )
        from rm_train.jobs.check import check_request

        config = check_request(task, overrides, Console(stderr=True, highlight=False))
        if dry_run:
            _show(request)
            return
    except (ConfigError, JobError, ValueError) as error:
        fail(error)
    from rm_train.jobs.submit import submit as submit_job

    with _cluster(address) as cluster:
        submitted = submit_job(cluster, request, config, wait, _say)
        _submitted(cluster, submitted.job, follow)


def _show(request: Any) -> None:  # noqa: ANN401 - a JobRequest, whose module is imported late
    """Print what would be submitted."""
    from rm_train.jobs.package import size, staged

    with staged([Path(path) for path in request.includes]) as folder:
        click.echo(f"job: {request.submission_id}")
        click.echo(f"runs: {request.entrypoint}")
        click.echo(f"environment: {' '.join(f'{key}={value}' for key, value in request.environment.items())}")
        click.echo(
            f"carries {size(folder) / 2**20:.1f} MiB: {', '.join(sorted(path.name for path in folder.iterdir()))}"
        )


def _submitted(cluster: Cluster, job: str, follow: bool) -> None:
    click.echo(f"submitted {job}; look: rm-train jobs status {job}; stop: rm-train jobs stop {job}", err=True)
    if follow:
        _follow(cluster, job)


def _follow(cluster: Cluster, job: str, skip: int = 0) -> None:
    """Show a job's log to its end, and end as it does."""
    from rm_train.jobs.follow import exit_status
    from rm_train.jobs.follow import follow as follow_job

    try:
        status = follow_job(cluster, job, _write, skip)
    except KeyboardInterrupt:
        click.echo(
            f"\nthe job goes on; look: rm-train jobs logs --follow {job}; stop: rm-train jobs stop {job}", err=True
        )
        sys.exit(130)
    click.echo(f"{job}: {status.value}", err=True)
    sys.exit(exit_status(status, cluster.job(job).driver_exit_code))


@click.group()
def jobs() -> None:
    """Look at jobs on a Ray cluster, stop them and go on with them."""
    show_token()


@jobs.command("list")
@_address
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def list_(address: str | None, as_json: bool) -> None:
    """List the jobs that were submitted, the newest first."""
    from rich.console import Console

    from rm_train.jobs.show import list_table, list_views

    with _cluster(address) as cluster:
        views = list_views(cluster)
    if as_json:
        click.echo(json.dumps([asdict(job) for job in views], indent=2))
    else:
        Console(highlight=False).print(list_table(views) if views else "no job was submitted there")


@jobs.command()
@click.argument("job")
@_address
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
def status(job: str, address: str | None, as_json: bool) -> None:
    """Show how far a job is, where its run folder is, and why it failed."""
    from rm_train.jobs.show import status_json, status_text

    with _cluster(address) as cluster:
        click.echo(json.dumps(status_json(cluster, job), indent=2) if as_json else status_text(cluster, job))


@jobs.command()
@click.argument("job")
@_address
@click.option("--follow", is_flag=True, help="Go on until the job ends, and end as it does.")
@click.option("--tail", type=click.IntRange(0), metavar="N", help="Only the last N lines.")
def logs(job: str, address: str | None, follow: bool, tail: int | None) -> None:
    """Print a job's log."""
    from rm_train.jobs.client import JobError
    from rm_train.jobs.show import LOST

    with _cluster(address) as cluster:
        cluster.job(job)
        if follow and tail is None:
            _follow(cluster, job)
        if (log := cluster.log(job)) is None:
            raise JobError(LOST)
        _write(log if tail is None else "".join(log.splitlines(keepends=True)[-tail:] if tail else ""))
        if follow:
            _follow(cluster, job, len(log))


@jobs.command()
@click.argument("job")
@_address
@click.option("--now", is_flag=True, help="Do not let it finish and save the step that it works on.")
def stop(job: str, address: str | None, now: bool) -> None:
    """Stop a job: it finishes and saves the step at work, and can be gone on with."""
    from rm_train.jobs.stop import stop as stop_job

    with _cluster(address) as cluster:
        try:
            ended = stop_job(cluster, job, _say, now=now)
        except KeyboardInterrupt:
            click.echo(f"\nit still stops; look: rm-train jobs status {job}", err=True)
            sys.exit(130)
        click.echo(f"{job}: {ended.value}")


@jobs.command()
@click.argument("job")
@_address
@click.option("--follow", is_flag=True, help="Show the log, and end as the job does.")
@click.option("--wait", type=click.FloatRange(0), default=0.0, show_default=True, metavar="SECONDS",
              help="How long to wait for a cluster that is too small yet.")  # fmt: skip
def resume(job: str, address: str | None, follow: bool, wait: float) -> None:
    """Go on with a job that failed or was stopped, from its last checkpoint, as a new job.

    It is called JOB-2, works in the same run folder, and carries the code that is here now.
    """
    from rich.console import Console

    from rm_train.jobs.check import check_request
    from rm_train.jobs.submit import resumption
    from rm_train.jobs.submit import submit as submit_job

    with _cluster(address) as cluster:
        request, package = resumption(cluster, job)
        config = check_request(request.task, request.overrides, Console(stderr=True, highlight=False))
        submitted = submit_job(cluster, request, config, wait, _say)
        if submitted.package != package:
            click.echo(f"the code is not what {job} ran: {submitted.package} in place of {package}", err=True)
        _submitted(cluster, submitted.job, follow)
