"""What the tests of cohorts run in Ray's processes."""

import asyncio
import os
from functools import partial

from reward_fn.hosting.cohort import ClusterCohort
from reward_fn.schema import RewardResult


def counting(path):
    """A judge in the actor's process, which notes its process and each group in a file."""

    async def judge(answers):
        with path.open("a") as file:
            file.write(f"{os.getpid()} {','.join(sorted(answers))}\n")
        await asyncio.sleep(1.0 if "slow" in answers else 0)
        return [RewardResult.of("order", sorted(answers).index(answer)) for answer in answers]

    return judge


class Worker:
    """What verl's reward workers do, in a process each."""

    def __init__(self, name, path):
        self.cohort = ClusterCohort(name, partial(counting, path), 30.0)

    async def join(self, *arguments):
        return (await self.cohort.join(*arguments)).score
