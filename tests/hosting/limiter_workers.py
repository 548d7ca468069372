"""What the tests of the cluster's limiter run in Ray's processes."""

import asyncio
import os
import time

from reward_fn.hosting import limiter
from reward_fn.judges.llm.breaker import Outcome
from reward_fn.judges.llm.limits import Limits
from reward_fn.judges.llm.permits import ClosedError, permits_of

LEASE_S = 4.0


class Worker:
    """A process that asks for permits."""

    def __init__(self, **settings):
        limiter.attach_limits(limiter.LimiterSettings(lease_s=LEASE_S, **settings))

    def process(self):
        return os.getpid()

    async def times(self, count, limits, *, name="m", tokens=0, used=None, priority=0, work_s=0.0):
        """Ask for permits, all at once; returns when each was given, by the machine's clock."""
        permits = permits_of("http://e/v1", "", name, Limits(**limits))

        async def one():
            permit = await permits.acquire(tokens, priority)
            at = time.time()
            await asyncio.sleep(work_s)
            permits.release(permit, used, Outcome.WORKED)
            return at

        return await asyncio.gather(*(one() for _ in range(count)))

    async def hold(self, count, limits, name="m"):
        permits = permits_of("http://e/v1", "", name, Limits(**limits))
        self.held = [await permits.acquire(0, 0) for _ in range(count)]

    async def give_up(self, seconds, limits, name="m"):
        """Wait for a permit for so long; returns whether there was one."""
        permits = permits_of("http://e/v1", "", name, Limits(**limits))
        try:
            permits.release(await asyncio.wait_for(permits.acquire(0, 0), seconds), None, Outcome.WORKED)
        except asyncio.TimeoutError:
            return False
        return True

    async def fail(self, count, limits, name="m"):
        """Use permits for requests that fail."""
        permits = permits_of("http://e/v1", "", name, Limits(**limits))
        for _ in range(count):
            permits.release(await permits.acquire(0, 0), None, Outcome.FAILED)

    async def succeed(self, limits, name="m"):
        """Have one request work, when one may go."""
        permits = permits_of("http://e/v1", "", name, Limits(**limits))
        while True:
            try:
                permit = await permits.acquire(0, 0)
            except ClosedError:
                await asyncio.sleep(permits.closed_for)
            else:
                return permits.release(permit, None, Outcome.WORKED)

    async def pause(self, seconds, limits, name="m"):
        permits = permits_of("http://e/v1", "", name, Limits(**limits))
        permits.release(await permits.acquire(0, 0), None, Outcome.UNKNOWN)
        permits.pause(seconds)

    async def closed_for(self, limits, name="m"):
        """Ask for a permit; returns the seconds for which there is none, and whether the endpoint is out."""
        permits = permits_of("http://e/v1", "", name, Limits(**limits))
        try:
            permits.release(await permits.acquire(0, 0), None, Outcome.UNKNOWN)
        except ClosedError:
            return permits.closed_for, permits.out
        return 0.0, False
