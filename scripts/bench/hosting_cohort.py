"""What it costs that answers meet to be compared. A part of `hosting.py`.

Several processes bring the answers of groups of eight to one cohort. A group's answers are spread over the processes at
random, as verl spreads them over its reward workers. The judge numbers the groups as they come and does nothing else:
so the results tell whether each group was judged once, and all the time that passes is the cohort's.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import ray
from hosting_part import REPEATS, Aim, Figures, Found, rate_and_waits

from reward_fn.hosting.cohort import ClusterCohort
from reward_fn.hosting.cohort_actor import Judge
from reward_fn.schema import RewardResult

SIZE = 8
"""Answers of a group."""
GROUPS = 1000
PROCESSES = (4, 8)
AT_ONCE = 256
"""Answers of each process at a time."""
ALONE = "a group by itself, of one process"
ALONES = 200
ANSWER = "word " * 400
"""What is brought of an answer: 2,000 characters."""
DEADLINE_S = 60.0
Met = tuple[str, float, float]
"""A group's name, its number among those that were judged, and the seconds that an answer's call took."""


def numbering() -> Judge[str]:
    """Return a judge whose scores are the number of the group."""
    numbers = itertools.count(1)

    async def judge(answers: Sequence[str]) -> list[RewardResult]:
        return [RewardResult.of("group", number) for number in [next(numbers)] for _ in answers]

    return judge


class Bringer:
    """A process that brings answers.

    Args:
        name: The cohort's name.
    """

    def __init__(self, name: str) -> None:
        self._cohort = ClusterCohort(name, numbering, DEADLINE_S)

    async def bring(self, answers: Sequence[tuple[str, str]], at_once: int) -> list[Met]:
        """Bring answers, given by group and name, many at a time and in this order."""
        todo, met = iter(answers), []

        async def work() -> None:
            for group, member in todo:
                start = time.perf_counter()
                result = await self._cohort.join(group, member, SIZE, ANSWER)
                met.append((group, float(result.score or 0), time.perf_counter() - start))

        await asyncio.gather(*(work() for _ in range(at_once)))
        return met


def cohort(share: float, _: Path) -> Found:
    """Measure how many answers meet in a second, and how long a group takes that has the cohort for itself."""
    groups = max(50, round(GROUPS * share))
    figures: Figures = {}
    for processes in PROCESSES:
        figures |= met_by(processes, groups)
    least = min(one["answers/s"] for way, one in figures.items() if way != ALONE)
    return Found(
        {f"the cohort: {groups:,} groups of {SIZE}, each judged once": figures},
        [
            Aim("answers/s that meet in the cohort", least, 2000),
            Aim("ms that a group takes in the cohort, by itself", figures[ALONE]["ms, median"]),
        ],
    )


def met_by(processes: int, groups: int) -> Figures:
    """Measure it with so many processes."""
    bringers = [ray.remote(num_cpus=0)(Bringer).remote(f"reward_fn cohort {processes}") for _ in range(processes)]
    ray.get([one.bring.remote(_group(f"warm {place}"), SIZE) for place, one in enumerate(bringers)])
    rates, seconds = [], []
    for turn in range(REPEATS):
        shares = _spread(groups, turn, processes)
        start = time.perf_counter()
        found = ray.get([one.bring.remote(some, AT_ONCE) for one, some in zip(bringers, shares, strict=True)])
        rates.append(groups * SIZE / (time.perf_counter() - start))
        met = [one for some in found for one in some]
        _judged_once(met, groups, processes + turn * groups)
        seconds += [one[2] for one in met]
    alone = [ray.get(bringers[0].bring.remote(_group(f"alone {number}"), SIZE)) for number in range(ALONES)]
    for one in bringers:
        ray.kill(one)
    waits = [one[2] for some in alone for one in some]
    return {
        f"{processes} processes, {AT_ONCE} answers of each at a time": rate_and_waits("answers/s", rates, seconds),
        ALONE: rate_and_waits("answers/s", [SIZE / float(np.mean(waits))], waits),
    }


def _spread(groups: int, turn: int, processes: int) -> list[list[tuple[str, str]]]:
    """Return the answers that each process brings: by group, each answer by a process that is drawn."""
    draw, shares = random.Random(turn), [[] for _ in range(processes)]
    for number in range(groups):
        for answer in _group(f"{turn} {number}"):
            draw.choice(shares).append(answer)
    return shares


def _group(name: str) -> list[tuple[str, str]]:
    return [(name, str(member)) for member in range(SIZE)]


def _judged_once(met: Sequence[Met], groups: int, before: int) -> None:
    """Make sure that each group was judged, whole and once.

    Raises:
        RuntimeError: One was not.
    """
    counts = Counter((group, number) for group, number, _ in met)
    numbers = {number for _, number in counts}
    if set(counts.values()) != {SIZE} or numbers != set(range(before + 1, before + groups + 1)):
        raise RuntimeError(f"{groups} groups of {SIZE} were not judged once each: {counts.most_common(3)} …")
