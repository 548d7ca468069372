"""CPU time of every rule, next to RM-Gallery's and OpenJudge's, on the same synthetic answers of 1 to 4 KB, in one run.

Another checkout of this repository can be measured too, to see which rules have become slower since then.
Each side runs in a process of its own, the peers in environments of their own, which are made for it. A batch is
compared with a loop, and for rules that use worker processes one core with all of them.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import click
from common import CONSOLE, machine, write_json
from peer_runs import HERE, PEERS, ROOT, environment, run
from rich.table import Table

SCRIPTS = {"RM-Gallery": "rm_gallery_rules.py", "OpenJudge": "openjudge_rules.py"}

AIM = 5.0
"""How many times less CPU than RM-Gallery a rule shall take; ROUGE 30 times."""
SCALING_AIM = 1.7
"""How many times faster a batch shall be on two cores than on one."""
SLOWER_AIM = 1.2
"""How many times the CPU of the other checkout a rule may take."""


def median_of(runs: list[dict[str, float]]) -> dict[str, float]:
    """Return the median of each rule's figures."""
    return {name: statistics.median(one[name] for one in runs) for name in runs[0]}


def rules_table(figures: dict[str, Any]) -> Table:
    """Return the table of all rules."""
    columns = ("rule", "evaluate", "score", *(f"{peer} (ratio)" for peer in PEERS), "answers/s", "of", "batch / loop")
    table = Table(*columns, title="CPU microseconds a sample, and batches by the clock")
    for name, ours in figures["ours"].items():
        if "failure" in ours:
            table.add_row(name, ours["failure"])
            continue
        row = [name, f"{ours['evaluate']:,.1f}", f"{ours['score']:,.1f}"]
        for peer in PEERS:
            theirs = figures[peer].get(name)
            ratio = theirs / ours["evaluate"] if theirs else 0.0
            aim = 0.0 if peer != "RM-Gallery" else 30.0 if name == "rouge" else AIM
            row.append(f"{theirs:,.1f} ({ratio:.1f}{' [red]*[/]' if ratio < aim else ''})" if theirs else "-")
        slower = ours["batch"] / ours["loop"]
        row += [f"{1e6 / ours['batch']:,.0f}", f"{ours['samples']:,.0f}"]
        table.add_row(*row, f"{slower:.2f}{' [red]*[/]' if slower > 1.05 else ''}")
    return table


def before_table(figures: dict[str, Any]) -> Table:
    """Return the table of the rules that the other checkout has too."""
    calls = ("evaluate", "score", "batch")
    table = Table("rule", *calls, title="microseconds a sample, before -> now: CPU, and of batches by the clock")
    for name, then in figures["before"].items():
        now = figures["ours"].get(name, {"failure": "not there"})
        if "failure" in then or "failure" in now:
            table.add_row(name, then.get("failure") or now["failure"])
        else:
            table.add_row(name, *(compared(then[call], now[call]) for call in calls))
    return table


def compared(then: float, now: float) -> str:
    """Return two figures and their ratio, with a star if it misses the aim."""
    ratio = now / then
    return f"{then:,.1f} -> {now:,.1f} ({ratio:.2f}{' [red]*[/]' if ratio > SLOWER_AIM else ''})"


def gsm8k_texts(path: Path) -> list[tuple[str, str]]:
    """Return labelled solutions of GSM8K, with the number of the right one as verl's data script stores it."""
    rows = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    return [(row["solution"], row["ground_truth"].rpartition("A: ")[2].strip().replace(",", "")) for row in rows]


def scaling_table(figures: dict[str, Any]) -> Table:
    """Return the table of the rules that use several cores."""
    table = Table("rule", "one core us", "all cores us", "times faster", title="a batch by the clock")
    for name, one in figures["one core"].items():
        every = figures["all cores"][name]
        faster = one["batch"] / every["batch"]
        mark = " [red]*[/]" if faster < SCALING_AIM else ""
        table.add_row(name, f"{one['batch']:,.1f}", f"{every['batch']:,.1f}", f"{faster:.2f}{mark}")
    return table


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--envs", type=click.Path(path_type=Path, file_okay=False),
              help="Where the peers' environments are kept; without it they are thrown away.")  # fmt: skip
@click.option("--without-peers", is_flag=True, help="Measure our rules only.")
@click.option("--before", type=click.Path(path_type=Path, exists=True, file_okay=False),
              help="Another checkout of this repository, whose rules are measured in the same run.")  # fmt: skip
@click.option("--gsm8k", type=click.Path(path_type=Path, exists=True, dir_okay=False),
              help="Labelled solutions of openai/grade-school-math, for math_verify_reward.")  # fmt: skip
@click.option(
    "--rounds", type=click.IntRange(1), default=3, show_default=True, help="Rounds, in which sides take turns."
)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Where the figures go, as JSON.")
def main(
    envs: Path | None, without_peers: bool, before: Path | None, gsm8k: Path | None, rounds: int, out: Path | None
) -> None:
    """Measure the rules, and mark with a star what misses its aim."""
    sys.path.insert(0, str(HERE))
    from measuring import make_texts

    busy = machine()
    folder = envs or Path(tempfile.mkdtemp(prefix="rules_bench_"))
    try:
        peers = {} if without_peers else {peer: environment(folder, peer) for peer in PEERS}
        texts = folder / "texts.json"
        folder.mkdir(parents=True, exist_ok=True)
        make_texts(texts, 1000, {"gsm8k": gsm8k_texts(gsm8k)} if gsm8k else {})
        figures: dict[str, Any] = {"machine": busy, **{peer: {} for peer in PEERS}}
        checkouts = {"ours": ROOT, **({"before": before} if before else {})}
        runs: dict[str, list[Any]] = {side: [] for side in (*checkouts, *peers)}
        for number in range(rounds):
            with CONSOLE.status(f"round {number + 1} of {rounds}"):
                for side, checkout in checkouts.items():
                    runs[side].append(run(sys.executable, "ours.py", texts, checkout=checkout))
                for peer, python in peers.items():
                    runs[peer].append(run(python, SCRIPTS[peer], texts))
        for side in checkouts:
            figures[side] = {
                name: one if "failure" in one else median_of([every[name] for every in runs[side]])
                for name, one in runs[side][0].items()
            }
        figures |= {peer: median_of(runs[peer]) for peer in peers}
        with CONSOLE.status("one core and all cores"):
            one = {min(os.sched_getaffinity(0))}
            figures["one core"] = run(sys.executable, "ours.py", texts, "--scaling", cores=one)
            figures["all cores"] = run(sys.executable, "ours.py", texts, "--scaling")
    finally:
        if envs is None:
            shutil.rmtree(folder, ignore_errors=True)
    CONSOLE.print(rules_table(figures))
    if before is not None:
        CONSOLE.print(before_table(figures))
    CONSOLE.print(scaling_table(figures))
    CONSOLE.print("* misses its aim")
    write_json(out, figures)


if __name__ == "__main__":
    main()
