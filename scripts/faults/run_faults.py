"""Breaks what the rewards of a training run need, in the middle of it, and checks every reward that it trained on.

    python scripts/faults/run_faults.py [--only cohort,limiter] [--out faults.json]

Each fault is done to a run of its own: stock verl on CPU with a model of random weights, two steps of four prompts
with four answers. The rewards are functions of the answers' bytes, told by a judge behind a loopback endpoint that
takes half a second, or by worker processes that do. The run must finish; every score that it trained on is compared
with what the answer is worth; and nothing may be left running. A run takes about a minute on two cores.
"""

from __future__ import annotations

import asyncio
import json
import shlex
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from fault_rewards import said, worth
from faults import ANSWERS, DISK, FAULTS, Fault, wait_for_middle
from faulty_judge import Judge
from rich.console import Console
from rich.table import Table
from small_run import STEPS, SmallRun, make

from reward_fn import OpenaiLLM, loop
from reward_fn.hosting.attach import HostingSettings

HERE = Path(__file__).parent
CONSOLE = Console(highlight=False)
LIMIT_S = 500.0
_FIRST_STEP = {"fault_rewards:RankedReward": ANSWERS // 4}
"""Requests of the first step, if it is not one for each answer."""


def done_to_a_run(fault: Fault, folder: Path, made: Path) -> dict[str, Any]:
    """Do a fault to a run, and return what came of it."""
    judge = Judge(fault.hangs)
    kwargs = fault.kwargs(judge, folder)
    before = _disk(folder) if fault.own_disk else ()
    run = SmallRun(folder, made, kwargs, *fault.overrides, path=[HERE], before=before)
    try:
        struck = wait_for_middle(run, judge, _FIRST_STEP.get(kwargs["reward"], ANSWERS))
        began = time.monotonic()
        if struck:
            fault.strike(run, judge)
        run.wait(LIMIT_S)
        seconds = time.monotonic() - began
    finally:
        run.stop()
        judge.close()
    scored, trained = run.scored(), run.trained()
    known = worths(kwargs, [scored[key]["answer"] for key in trained])
    wrong = [key for key, score in trained.items() if abs(score - known[scored[key]["answer"]]) > 1e-6]
    left = run.left()
    fine = struck and run.code == 0 and len(trained) == STEPS * ANSWERS and not wrong and not left
    return {
        "fault": fault.told,
        "finished": run.code == 0,
        "struck": struck,
        "trained": len(trained),
        "wrong": len(wrong),
        "scored beside": len(scored) - len(trained),
        "requests": judge.requests,
        "of them repeated": judge.requests - len(judge.asked),
        "seconds after": round(seconds, 1),
        "left running": left,
        "fine": fine,
    }


def worths(kwargs: Mapping[str, Any], answers: Sequence[str]) -> dict[str, float]:
    """Return what answers are worth; where a hosted model says it, this process hosts the same one and asks again."""
    if not kwargs["hosting"].get("models"):
        return {answer: worth(answer) for answer in answers}
    HostingSettings.model_validate(kwargs["hosting"]).attach()
    llm = OpenaiLLM(**kwargs["llm"])

    async def ask() -> dict[str, float]:
        replies = await asyncio.gather(*(said(llm, answer) for answer in answers))
        return {answer: worth(reply) for answer, reply in zip(answers, replies, strict=True)}

    return loop.run(ask())


def _disk(folder: Path) -> list[str]:
    """Return what runs a command with a disk of 1 MB of its own in a folder, which needs no rights on Linux."""
    place = shlex.quote(str(folder / DISK))
    mounted = f'mkdir {place} && mount -t tmpfs -o size=1m tmpfs {place} && exec "$@"'
    return ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mounted, "sh"]


def table_of(figures: dict[str, dict[str, Any]]) -> Table:
    """Return the table of all faults."""
    table = Table("fault", "run", "rewards trained on", "wrong", "requests", "of them repeated", "left running")
    for one in figures.values():
        table.add_row(
            one["fault"], "finished" if one["finished"] else "ended", f"{one['trained']} of {STEPS * ANSWERS}",
            str(one["wrong"]), str(one["requests"]), str(one["of them repeated"]), str(len(one["left running"])),
        )  # fmt: skip
    return table


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--only", metavar="NAME,…", help=f"Only these faults, of: {', '.join(FAULTS)}.")
@click.option("--folder", type=click.Path(path_type=Path, file_okay=False),
              help="Where the runs are kept; without it they are thrown away when all went well.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Where the figures go, as JSON.")
def main(only: str | None, folder: Path | None, out: Path | None) -> None:
    """Do faults to training runs; the exit status is 1 if a run did not finish, or a reward was lost or wrong."""
    names = only.split(",") if only else list(FAULTS)
    if unknown := set(names) - FAULTS.keys():
        raise click.BadParameter(f"there is no fault {sorted(unknown)[0]!r}; there are {', '.join(FAULTS)}")
    folder = (folder or Path(tempfile.mkdtemp(prefix="faults_"))).resolve()
    make(folder / "made")
    figures = {}
    for name in names:
        (folder / name).mkdir()
        with CONSOLE.status(f"{name}: {FAULTS[name].told}"):
            figures[name] = done_to_a_run(FAULTS[name], folder / name, folder / "made")
        CONSOLE.print(f"{name}: {'fine' if figures[name]['fine'] else 'NOT fine'} {figures[name]}", soft_wrap=True)
    CONSOLE.print(table_of(figures))
    if out is not None:
        out.write_text(json.dumps(figures, indent=2) + "\n")
    CONSOLE.print(f"the runs: {folder}")
    sys.exit(not all(one["fine"] for one in figures.values()))


if __name__ == "__main__":
    main()
