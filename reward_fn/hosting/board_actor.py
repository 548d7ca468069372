"""The board: what all processes of a run have scored and are at, in one actor of Ray's.

Each process reports its counts since its own start, so a report that is lost or a board that is made again costs
nothing: the next report says it all.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeVar

from reward_fn.hosting.tally import Key, Tally, all_tallies
from reward_fn.judges.llm.traffic import Place, Traffic, all_traffic

K = TypeVar("K")
C = TypeVar("C", Tally, Traffic)


@dataclass(frozen=True, slots=True)
class Report:
    """What a process has scored and asked for since it started, and what it is at."""

    rewards: dict[Key, Tally]
    endpoints: dict[Place, Traffic]

    @classmethod
    def now(cls) -> Report:
        """Return that of this process."""
        return cls(all_tallies(), all_traffic())

    @property
    def ended(self) -> Report:
        """What is left of it when the process is gone: all but what it was at."""
        return Report(
            {key: replace(tally, in_flight=0) for key, tally in self.rewards.items()},
            {place: replace(one, waiting=0, in_flight=0, out=False) for place, one in self.endpoints.items()},
        )


class Process(NamedTuple):
    """A process that reports.

    Attributes:
        name: Its node and process id.
        silent_s: Seconds since it was heard of.
        gone: Whether that is too long.
    """

    name: str
    silent_s: float
    gone: bool


@dataclass(frozen=True, slots=True)
class View:
    """What stands on the board: the sums over all processes, and the processes."""

    rewards: dict[Key, Tally]
    endpoints: dict[Place, Traffic]
    processes: list[Process]


@dataclass(slots=True)
class _Heard:
    name: str
    report: Report
    at: float


class Board:
    """Takes reports in, and adds them up.

    Args:
        gone_s: A process that is silent for so long is gone, and at nothing any longer.
        every_s: How often each process reports, if it has news.
    """

    def __init__(self, gone_s: float, every_s: float) -> None:
        self._gone_s, self._every_s = gone_s, every_s
        self._heard: dict[str, _Heard] = {}
        self._looked = 0.0
        self._most: Counter[str] = Counter()
        self._before: Counter[str] = Counter()

    async def report(self, process: str, name: str, report: Report) -> bool:
        """Take in what a process says, and return that it is taken in.

        Args:
            process: The process, by an id that no other has.
            name: What to call it.
            report: Its counts since its start.
        """
        self._heard[process] = _Heard(name, report, time.monotonic())
        # A report stands for as long as a process waits before its next; looking twice meanwhile misses none.
        if time.monotonic() - self._looked > self._every_s / 2:
            self._look(self._sums())
        return True

    async def view(self) -> View:
        """Return all that stands here."""
        return self._sums()

    async def step(self) -> dict[str, float]:
        """Return figures of the time since the last call of this: of all processes, and of each model that is asked.

        Returns:
            `processes` and `gone`; `in_flight_max`; for each model `<model>/waiting_max`, `<model>/in_flight_max`,
            `<model>/requests`, `<model>/retries`, `<model>/failures` and `<model>/out` (0 or 1, now). What is the most
            is so among the reports, one a second.
        """
        view = self._sums()
        self._look(view)
        gone = sum(process.gone for process in view.processes)
        figures = {"processes": float(len(view.processes) - gone), "gone": float(gone)}
        figures |= {f"{name}_max": float(most) for name, most in self._most.items()}
        counts: Counter[str] = Counter()
        for model, traffic in _by_model(view.endpoints).items():
            counts[f"{model}/requests"] = traffic.requests
            counts[f"{model}/retries"] = traffic.retries
            counts[f"{model}/failures"] = traffic.failures.total()
            figures[f"{model}/out"] = float(traffic.out)
        figures |= {name: float(count - self._before[name]) for name, count in counts.items()}
        self._before, self._most = counts, Counter()
        return figures

    async def status(self) -> dict[str, float | str]:
        """Return how many processes report (`processes`), how many are `gone`, and the answers of all (`answers`)."""
        view = self._sums()
        gone = sum(process.gone for process in view.processes)
        answers = sum(tally.seconds.counts.total() for tally in view.rewards.values())
        return {"processes": len(view.processes) - gone, "gone": gone, "answers": answers}

    def _sums(self) -> View:
        now = time.monotonic()
        processes = [
            Process(heard.name, now - heard.at, now - heard.at > self._gone_s) for heard in self._heard.values()
        ]
        reports = [
            heard.report.ended if process.gone else heard.report
            for heard, process in zip(self._heard.values(), processes, strict=True)
        ]
        return View(
            _summed((item for report in reports for item in report.rewards.items()), Tally()),
            _summed((item for report in reports for item in report.endpoints.items()), Traffic()),
            processes,
        )

    def _look(self, view: View) -> None:
        """Note the most that is at work at a time."""
        self._looked = time.monotonic()
        now = Counter({"in_flight": sum(tally.in_flight for tally in view.rewards.values())})
        for model, traffic in _by_model(view.endpoints).items():
            now[f"{model}/waiting"], now[f"{model}/in_flight"] = traffic.waiting, traffic.in_flight
        for name, count in now.items():
            self._most[name] = max(self._most[name], count)


def _summed(items: Iterable[tuple[K, C]], nothing: C) -> dict[K, C]:
    sums: dict[K, C] = defaultdict(lambda: nothing)
    for key, counts in items:
        sums[key] = sums[key] + counts
    return dict(sums)


def _by_model(endpoints: dict[Place, Traffic]) -> dict[str, Traffic]:
    """Return the traffic of each model, wherever it is served; a slash would make groups of its name in loggers."""
    return _summed(((model.replace("/", "."), traffic) for (model, _), traffic in endpoints.items()), Traffic())
