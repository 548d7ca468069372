"""Judgments a second and requests in flight: ours, RM-Gallery's, OpenJudge's and aiohttp alone, by one endpoint.

The endpoint is on loopback and takes 50 ms. Each side runs in a process of its own, the peers in environments of their
own, one after the other at each number of workers.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import click
from common import CONSOLE, machine, write_json
from peer_runs import HERE, PEERS, environment, run
from rich.table import Table

SCRIPTS = {
    "aiohttp alone": "plain_judges.py",
    "ours": "our_judges.py",
    "RM-Gallery": "rm_gallery_judges.py",
    "OpenJudge": "openjudge_judges.py",
}
COUNTS = {8: 400, 64: 2000, 256: 4000}
SLOW = {"RM-Gallery": 400, "OpenJudge": 1000}
"""Judgments of the sides that would take minutes for more."""


class Server:
    """The endpoint, in a process of its own."""

    def __init__(self, latency: float, sigma: float = 0.0) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self._process = subprocess.Popen(
            [sys.executable, HERE / "judge_server.py", str(port), str(latency), str(sigma)]
        )
        self._url = f"http://127.0.0.1:{port}"
        self.url = f"{self._url}/v1"
        for _ in range(100):
            try:
                self.stats()
                return
            except OSError:
                time.sleep(0.1)
        raise click.ClickException("the endpoint did not start")

    def stats(self, last: int = 1) -> dict[str, float]:
        """Return what it counted since it was asked last; `span` has the seconds in which the last so many came."""
        with urllib.request.urlopen(f"{self._url}/stats?last={last}") as response:
            told: dict[str, float] = json.load(response)
        return told

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()


def measured(server: Server, python: Path | str, side: str, workers: int, count: int) -> dict[str, Any]:
    """Run a side, and return its figures with the endpoint's."""
    server.stats()
    figures = run(python, SCRIPTS[side], server.url, workers, count)
    return {**figures, "in_flight": server.stats()["most"]}


def rate_of(server: Server, side: str, processes: int, workers: int, count: int) -> float:
    """Return the rate of several processes of a side of ours together."""
    with ThreadPoolExecutor(processes) as threads:
        runs = [threads.submit(measured, server, sys.executable, side, workers, count) for _ in range(processes)]
        return float(sum(one.result()["rate"] for one in runs))


def table_of(figures: dict[str, dict[str, dict[str, float]]]) -> Table:
    """Return the table of all sides."""
    table = Table("workers", "side", "judged/s", "of aiohttp", "in flight", "CPU us each", "MB for 1,000")
    for workers, sides in figures.items():
        for side, one in sides.items():
            ratio = one["rate"] / sides["aiohttp alone"]["rate"]
            table.add_row(
                workers, side, f"{one['rate']:,.0f}", f"{ratio:.2f}", f"{one['in_flight']:.0f}",
                f"{one['cpu_us']:,.0f}", f"{one['mb']:.1f}",
            )  # fmt: skip
        table.add_section()
    return table


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--envs", type=click.Path(path_type=Path, file_okay=False),
              help="Where the peers' environments are kept; without it they are thrown away.")  # fmt: skip
@click.option("--without-peers", is_flag=True, help="Measure ours and aiohttp only.")
@click.option("--latency", type=click.FloatRange(0), default=0.05, show_default=True, help="Seconds of the endpoint.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Where the figures go, as JSON.")
def main(envs: Path | None, without_peers: bool, latency: float, out: Path | None) -> None:
    """Measure judges by a loopback endpoint."""
    before = machine()
    folder = envs or Path(tempfile.mkdtemp(prefix="judges_bench_"))
    server = Server(latency)
    try:
        pythons: dict[str, Path | str] = {"aiohttp alone": sys.executable, "ours": sys.executable}
        if not without_peers:
            pythons |= {peer: environment(folder, peer) for peer in PEERS}
        figures: dict[str, dict[str, dict[str, float]]] = {}
        for workers, count in COUNTS.items():
            with CONSOLE.status(f"{workers} workers"):
                figures[str(workers)] = {
                    side: measured(server, python, side, workers, min(count, SLOW.get(side, count)))
                    for side, python in pythons.items()
                }
        with CONSOLE.status("two processes"):
            both = rate_of(server, "ours", 2, 32, COUNTS[64])
            alone = rate_of(server, "ours", 1, 32, COUNTS[64])
    finally:
        server.close()
        if envs is None:
            shutil.rmtree(folder, ignore_errors=True)
    CONSOLE.print(table_of(figures))
    CONSOLE.print(f"two processes with 32 workers each: {both:,.0f}/s, {both / alone:.2f} times one ({alone:,.0f}/s)")
    write_json(out, {"machine": before, "workers": figures, "two processes": both, "one process": alone})


if __name__ == "__main__":
    main()
