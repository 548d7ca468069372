"""`rm-train cluster head | worker | status | stop`: Ray on bare machines."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from rm_train.cli.fail import fail

if TYPE_CHECKING:
    from rm_train.cluster import Node

_Command = TypeVar("_Command", bound=Callable[..., Any])


@click.group()
def cluster() -> None:
    """Start a Ray cluster of several machines, look at it, and stop it.

    \b
    on one node:            scripts/ray_cluster.sh head
    on each other node:     scripts/ray_cluster.sh worker HEAD_HOST
    on any of them:         scripts/ray_cluster.sh status
    at the end, on each:    scripts/ray_cluster.sh stop

    The head makes a token in ~/.ray/auth_token unless there is one (or RAY_AUTH_TOKEN, or RAY_AUTH_TOKEN_PATH).
    Workers and those who train need the same one: copy the file, for this user alone (chmod 600), or set
    RAY_AUTH_TOKEN there. Whoever has it can run code on all nodes. RAY_AUTH_MODE=disabled does without.

    What is in the environment of `head` and `worker` is in that of all jobs: secrets such as WANDB_API_KEY are set
    there, and jobs only name them. On a machine without GPUs, --gpus N hands out N tickets, of which verl's workers
    take one each (hardware=cpu). docs/cluster.md has SLURM, Kubernetes, ports and shared folders.
    """


def _node_options(command: _Command) -> _Command:
    """Add the options that heads and workers share."""
    options = (
        click.option("--gpus", type=click.IntRange(0), help="GPUs to hand out; as many as Ray finds by default."),
        click.option("--cpus", type=click.IntRange(1), help="CPUs to hand out; as many as Ray finds by default."),
        click.option(
            "--temp-dir",
            type=click.Path(path_type=Path, file_okay=False),
            help="Ray's sockets, logs and spilled objects, on this machine's disk; /tmp/ray by default.",
        ),
        click.option("--block", is_flag=True, help="Stay in the foreground; SIGTERM and Ctrl-C stop the node."),
        click.argument("more", nargs=-1, type=click.UNPROCESSED, metavar="[-- RAY_START_OPTIONS]"),
    )
    for option in reversed(options):
        command = option(command)
    return command


@cluster.command()
@click.option("--port", type=click.IntRange(1, 65535), default=6379, show_default=True, help="Where workers join.")
@click.option("--dashboard-port", type=click.IntRange(1, 65535), default=8265, show_default=True,
              help="The dashboard, and where jobs are submitted.")  # fmt: skip
@click.option("--dashboard-host", default="127.0.0.1", show_default=True,
              help="0.0.0.0 lets jobs be submitted from other machines.")  # fmt: skip
@_node_options
def head(port: int, dashboard_port: int, dashboard_host: str, block: bool, **node: Any) -> None:  # noqa: ANN401
    """Start the head of a cluster on this node.

    \b
    scripts/ray_cluster.sh head
    scripts/ray_cluster.sh head --gpus 1 --cpus 8                                  on a laptop: a GPU ticket
    scripts/ray_cluster.sh head -- --min-worker-port=20000 --max-worker-port=20999 behind a firewall
    """
    from rm_train.cluster import NodeError, Wanted, find_token, start_head

    try:
        token = find_token(make=True)
        started = start_head(Wanted(**node), port, dashboard_host, dashboard_port)
    except (NodeError, OSError) as error:
        fail(error)
    click.echo(f"a Ray head runs on this node: {started.address}, dashboard http://{dashboard_host}:{dashboard_port}")
    click.echo(f"on each other node: scripts/ray_cluster.sh worker {started.address}")
    if token is None:
        click.echo("warning: RAY_AUTH_MODE=disabled: whoever reaches these ports can run code here", err=True)
    else:
        made = " (made now)" if token.made else ""
        file = f"ssh NODE 'umask 077; mkdir -p .ray; cat > .ray/auth_token' < {token}; not where home is shared; or "
        click.echo(f"they need its token, {token}{made}: {file if token.path else ''}set RAY_AUTH_TOKEN there")
        if token.exposed:
            click.echo(f"warning: others can read {token}; run: chmod 600 {token}", err=True)
    click.echo(f"train on it: rm-train train ray=existing ray_address={started.address} ...")
    _stay(started, block)


@cluster.command()
@click.argument("head", metavar="HEAD_HOST[:PORT]")
@click.option("--wait", "wait_s", type=click.FloatRange(0), default=120, show_default=True, metavar="SECONDS",
              help="How long the head may take to answer.")  # fmt: skip
@_node_options
def worker(head: str, wait_s: float, block: bool, **node: Any) -> None:  # noqa: ANN401
    """Join the cluster whose head is HEAD_HOST; its port is 6379 unless it is given.

    \b
    scripts/ray_cluster.sh worker 10.0.0.1
    RAY_AUTH_TOKEN=$(cat token) scripts/ray_cluster.sh worker node1:6380 --gpus 8
    """
    from rm_train.cluster import NodeError, Wanted, find_token, start_worker

    try:
        find_token(make=False)
        started = start_worker(Wanted(**node), head, wait_s, partial(click.echo, err=True))
    except (NodeError, OSError) as error:
        fail(error)
    click.echo(f"this node is a worker of the cluster at {started.address}")
    _stay(started, block)


@cluster.command()
@click.option("--address", default="auto", show_default=True, metavar="HOST:PORT",
              help="The cluster; auto is RAY_ADDRESS, or the one that this machine is part of.")  # fmt: skip
@click.option("--nodes", type=click.IntRange(1), default=1, metavar="N", help="Exit status 1 unless N nodes are alive.")
@click.option("--wait", "wait_s", type=click.FloatRange(0), default=0, metavar="SECONDS",
              help="How long to wait for them, and for the head to answer.")  # fmt: skip
def status(address: str, nodes: int, wait_s: float) -> None:
    """Show the cluster's versions, nodes, GPUs, and who is dead; exit status 1 where there is none."""
    from rich.console import Console

    from rm_train.cluster import NodeError, show_cluster
    from rm_train.launch.nodes.connect import ClusterError

    try:
        show_cluster(Console(highlight=False, soft_wrap=True), address, nodes, wait_s)
    except (NodeError, ClusterError, OSError) as error:
        fail(error)


@cluster.command()
@click.option(
    "--temp-dir", type=click.Path(path_type=Path, file_okay=False), help="Only the node that uses this folder."
)
def stop(temp_dir: Path | None) -> None:
    """Stop the nodes that were started on this machine by these commands; no other Ray is touched."""
    from rm_train.cluster import running_nodes

    nodes = running_nodes(str(temp_dir.absolute()) if temp_dir else None)
    for node in reversed(nodes):  # workers before their head, which would count them as lost
        click.echo(f"stopping the {node.role} in {node.temp_dir} (a busy one takes up to half a minute)")
        node.stop()
    click.echo(f"nodes stopped: {len(nodes)}" if nodes else "nothing to stop: no node that was started here runs")


def _stay(node: Node, block: bool) -> None:
    """Hold the node in the foreground, or say how it ends."""
    from rm_train.cluster import NodeError, hold

    if not block:
        click.echo("stop it: scripts/ray_cluster.sh stop")
        return
    try:
        hold(node)
    except NodeError as error:
        fail(error)
