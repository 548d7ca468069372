"""Looks at a cluster, once or again and again, and shows what is there."""

from __future__ import annotations

import time
from collections.abc import Iterator

from rich.console import Console
from rich.live import Live

from reward_fn.hosting.status import JobStatus, cluster_status
from rm_train.launch.nodes.connect import ClusterError, connected
from rm_train.status.tables import as_json as json_line
from rm_train.status.tables import status_view


def show_status(address: str, every_s: float | None, *, as_json: bool) -> None:
    """Show what the rewards of a cluster are at.

    Args:
        address: The cluster; see `connected`.
        every_s: How often, without an end; None for once.
        as_json: Whether to print lines of JSON and no tables.

    Raises:
        ClusterError: There is no such cluster, or it has gone.
    """
    console = Console(highlight=False)
    with connected(address):
        looks = _looks(every_s)
        if as_json:
            for jobs in looks:
                console.print(json_line(jobs), markup=False, soft_wrap=True)
        elif every_s is None:
            console.print(status_view(next(looks)))
        else:
            with Live(console=console, auto_refresh=False, vertical_overflow="visible") as live:
                for jobs in looks:
                    live.update(status_view(jobs), refresh=True)


def _looks(every_s: float | None) -> Iterator[list[JobStatus]]:
    from ray.exceptions import RayError

    while True:
        try:
            yield cluster_status()
        except RayError as error:
            raise ClusterError(f"the cluster does not answer any longer: {error}") from error
        if every_s is None:
            return
        time.sleep(every_s)
