"""The state of rewards on the console, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from reward_fn.hosting.board_actor import Process
from reward_fn.hosting.status import ActorStatus, EndpointStatus, JobStatus, RewardStatus

_NONE = (
    "no rewards run here: nothing in this cluster has a name that begins with `reward_fn`. A run shows from its first "
    "reward on, unless reward_kwargs.hosting.board is false"
)


def as_json(jobs: Sequence[JobStatus]) -> str:
    """Return all of it in one line."""
    told = [asdict(job) | {"processes": [process._asdict() for process in job.processes]} for job in jobs]
    return json.dumps(told, ensure_ascii=False)


def status_view(jobs: Sequence[JobStatus]) -> RenderableType:
    """Return the tables of all jobs."""
    return Group(*(table for job in jobs for table in _tables(job))) if jobs else Text(_NONE)


def _tables(job: JobStatus) -> list[RenderableType]:
    title = Text(f"job {job.job or 'unknown'}, namespace {job.namespace}", style="bold")
    tables: list[RenderableType] = [title]
    if job.rewards:
        tables.append(_rewards(job.rewards, job.processes))
    if job.endpoints:
        tables.append(_endpoints(job.endpoints))
    return [*tables, _actors(job.actors)]


def _rewards(rewards: Sequence[RewardStatus], processes: Sequence[Process]) -> Table:
    table = _table("reward", "route", "in flight", "scored", "failed", "p50", "p95", "p99", "queue", "work", "hits",
                   "tokens", "cost", texts=2, caption=_reporting(processes))  # fmt: skip
    for one in rewards:
        seconds = (one.p50_s, one.p95_s, one.p99_s, one.queue_s, one.work_s)
        counts = f"{one.in_flight:,}", f"{one.scored:,}", _failures(one.failures)
        hits = "-" if one.hits is None else f"{one.hits:.0%}"
        paid = f"{one.tokens:,}", f"${one.cost:,.2f}"
        table.add_row(Text(one.reward), Text(one.route), *counts, *map(_seconds, seconds), hits, *paid)
    return table


def _endpoints(endpoints: Sequence[EndpointStatus]) -> Table:
    table = _table("model", "endpoint", "in flight", "waiting", "requests", "retries", "failed", "tokens", "cost", "",
                   texts=2)  # fmt: skip
    for one in endpoints:
        counts = f"{one.in_flight:,}", f"{one.waiting:,}", f"{one.requests:,}", f"{one.retries:,}"
        paid = f"{one.tokens:,}", f"${one.cost:,.2f}"
        state = Text("out", style="red") if one.out else Text("open")
        table.add_row(Text(one.model), Text(one.endpoint), *counts, _failures(one.failures), *paid, state)
    return table


def _actors(actors: Sequence[ActorStatus]) -> Table:
    table = _table("actor", "state", "node", "process", "", texts=5)
    for one in actors:
        facts = "; ".join(f"{name}: {_fact(value)}" for name, value in one.facts.items())
        state = Text(one.state, style="" if one.state == "alive" else "red")
        table.add_row(Text(one.name), state, one.node or "-", str(one.process or "-"), Text(facts))
    return table


def _table(*headings: str, texts: int, caption: str = "") -> Table:
    """Return a table whose first columns are texts and the others numbers."""
    table = Table(caption=caption or None, caption_justify="left")
    for place, heading in enumerate(headings):
        table.add_column(heading, justify="left" if place < texts else "right", overflow="fold")
    return table


def _reporting(processes: Sequence[Process]) -> str:
    gone = [f"{process.name}, silent for {process.silent_s:,.0f} s" for process in processes if process.gone]
    count = len(processes) - len(gone)
    told = f"{count} process{'es report' if count != 1 else ' reports'}"
    return f"{told}; gone: {'; '.join(gone)}" if gone else told


def _failures(kinds: Mapping[str, int]) -> Text:
    if not kinds:
        return Text("0")
    told = ", ".join(f"{count:,} {kind}" for kind, count in kinds.items())
    return Text(told if len(kinds) == 1 else f"{sum(kinds.values()):,}: {told}", style="red")


def _seconds(seconds: float) -> str:
    """Return a time with three digits, in the unit that suits it."""
    return f"{1e3 * seconds:.3g} ms" if seconds < 1 else f"{seconds:.3g} s" if seconds < 1000 else f"{seconds:,.0f} s"


def _fact(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:,.4g}" if isinstance(value, float) else f"{value:,}"
