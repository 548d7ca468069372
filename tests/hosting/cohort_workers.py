"""What the tests of cohorts run in Ray's processes."""

import asyncio
import os
import threading
from contextlib import suppress
from functools import partial

from reward_fn.hosting.cohort import ClusterCohort
from reward_fn.schema import RewardResult


class Broken(Exception):
    """An error that cannot be made anew from its pickle."""

    def __init__(self, told, _):
        super().__init__(told)


def counting(path):
    """A judge in the actor's process, which notes its process and each group in a file."""

    async def judge(answers):
        with path.open("a") as file:
            file.write(f"{os.getpid()} {','.join(sorted(answers))}\n")
        if "broken" in answers:
            raise Broken("the judge broke", 1)
        await asyncio.sleep(1.0 if "slow" in answers else 0)
        return [RewardResult.of("order", sorted(answers).index(answer)) for answer in answers]

    return judge


class Worker:
    """What verl's reward workers do, in a process each."""

    def __init__(self, name, path):
        self.cohort = ClusterCohort(name, partial(counting, path), 30.0)

    async def join(self, *arguments):
        return (await self.cohort.join(*arguments)).score

    async def joined(self, *calls):
        """Join several at once; returns the scores, or what the errors say."""
        found = await asyncio.gather(*(self.join(*call) for call in calls), return_exceptions=True)
        return [str(one) if isinstance(one, Exception) else one for one in found]

    async def give_up(self, *arguments):
        """Stop waiting for an answer that is there already."""
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self.join(*arguments), 0.5)

    async def bring_what_cannot_travel(self):
        return await self.joined(("g", "0", 2, threading.Lock()), ("h", "0", 2, "b"), ("h", "1", 2, "a"))
