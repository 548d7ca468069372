"""What the parts that a cluster shares are worth and what they cost, beside what verl has, in one run.

\b
    python scripts/bench/hosting.py                      # all of it: twelve minutes
    python scripts/bench/hosting.py --share 0.05         # whether all of it runs: four minutes
    python scripts/bench/hosting.py --only cohort,pool --out hosting.json

Each part stands in a module of its own, `hosting_<part>.py`, which says what it measures:

\b
    limits   the rate that arrives for one that is configured, and what the limiter costs
    cache    requests that are made, and that are kept
    cohort   answers that meet to be compared
    pool     calls of a judge's client with several endpoints, without a network, and by HTTP
    rules    answers on time while one in a hundred hangs

The last table has all figures that have an aim. Ray starts a cluster of its own for it, on this machine.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import ray
from common import CONSOLE, machine, readable, write_json
from hosting_cache import cache
from hosting_cohort import cohort
from hosting_limits import limits
from hosting_part import Aim, Part
from hosting_pool import pool
from hosting_rules import rules
from plugin import table_of
from rich.table import Table

PARTS: dict[str, Part] = {"limits": limits, "cache": cache, "cohort": cohort, "pool": pool, "rules": rules}


def names(_: click.Context, __: click.Parameter, value: str) -> list[str]:
    """Return the parts that `--only` names.

    Raises:
        click.BadParameter: There is no such part.
    """
    some = [name.strip() for name in value.split(",")]
    for name in some:
        if name not in PARTS:
            raise click.BadParameter(f"there is no part {name}; there are {', '.join(PARTS)}")
    return some


def table_of_aims(aims: list[Aim]) -> Table:
    """Return all figures that have an aim, or that one with an aim is compared with."""
    table = Table("what", title="what was to be reached")
    for column in ("figure", "aim", ""):
        table.add_column(column, justify="right" if column else "left")
    for aim in aims:
        told = aim.told and ("reached" if aim.reached else "not reached")
        table.add_row(aim.what, readable(aim.figure), aim.told, told)
    return table


@click.command(context_settings={"help_option_names": ["-h", "--help"]}, help=__doc__)
@click.option("--only", default=",".join(PARTS), show_default=True, callback=names, help="Parts, with commas.")
@click.option("--share", type=click.FloatRange(0, min_open=True), default=1.0, show_default=True,
              help="How much of the work and time of each measurement.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Where the figures go, as JSON.")
def main(only: list[str], share: float, out: Path | None) -> None:
    """Measure the parts."""
    figures: dict[str, object] = {"machine": machine(), "share": share}
    here = {"env_vars": {"PYTHONPATH": str(Path(__file__).parent)}}
    ray.init("local", num_cpus=8, include_dashboard=False, log_to_driver=False, runtime_env=here)
    aims: list[Aim] = []
    for name in only:
        before = machine()
        with TemporaryDirectory() as folder:
            found = PARTS[name](share, Path(folder))
        for title, table in found.tables.items():
            CONSOLE.print(table_of(f"{title} (load before: {before['load_before']})", table))
        figures[name] = {"machine": before, **found.tables}
        aims += found.aims
    ray.shutdown()
    CONSOLE.print(table_of_aims(aims))
    write_json(out, {**figures, "aims": [asdict(aim) for aim in aims]})


if __name__ == "__main__":
    main()
