"""Queue time and work time, reported apart; and whose workers a process uses."""

import asyncio
import os

import pool_jobs as jobs
import pytest

from reward_fn.registry import RewardRegistry
from reward_fn.schema import ChatMessage, DataOutput, DataSample, RewardError, Step
from reward_fn.workers.pool import PLAIN, Kind, WorkerPool, pool, shared, use_pools
from reward_fn.workers.times import WorkTimes, counted_work, result_of
from reward_fn.workers.together import call


@pytest.fixture
def one_worker():
    """This process uses a pool of one worker, and notes what it was asked for."""
    opened = {}

    def opener(kind):
        opened[kind] = WorkerPool(1, kind=kind)
        return opened[kind]

    use_pools(opener)
    yield opened
    use_pools(None)


def counted(work) -> WorkTimes:
    async def inside():
        with counted_work() as times:
            await work()
        return times

    return asyncio.run(inside())


def test_the_queue_and_the_work_are_told_apart(one_worker):
    asyncio.run(call(jobs.sleep, 0, timeout_s=5))  # the worker has started

    async def one_after_the_other():
        await asyncio.gather(*(result_of(pool().submit(jobs.sleep, 0.2, timeout_s=5)) for _ in range(3)))

    times = counted(one_after_the_other)
    assert times.calls == 3
    assert times.worked_s == pytest.approx(0.6, abs=0.15)
    assert times.waited_s == pytest.approx(0.2 + 0.4, abs=0.2)


def test_calls_that_share_a_job_have_each_its_own_times(one_worker):
    asyncio.run(call(jobs.sleep, 0, timeout_s=5))

    async def counted_call(seconds):
        with counted_work() as times:
            await call(jobs.sleep, seconds, timeout_s=5)
        return times

    async def both(*seconds):
        return await asyncio.gather(*map(counted_call, seconds))

    asyncio.run(both(0, 0))  # the worker has imported what shared jobs need
    long, short = asyncio.run(both(0.3, 0.1))
    assert (long.worked_s, short.worked_s) == pytest.approx((0.3, 0.1), abs=0.05)
    assert (long.waited_s, short.waited_s) == pytest.approx((0.1, 0.3), abs=0.15)


def test_work_that_failed_has_times_too(one_worker):
    async def too_long():
        with pytest.raises(RewardError):
            await call(jobs.sleep, 60, timeout_s=0.3)

    times = counted(too_long)
    assert times.calls == 1 and times.worked_s == pytest.approx(0.3, abs=0.1)


def test_outside_a_block_nothing_is_counted(one_worker):
    times = counted(lambda: asyncio.sleep(0))
    asyncio.run(call(jobs.add, 1, 2, timeout_s=5))
    assert times == WorkTimes()


def test_a_process_uses_the_workers_it_is_told_to(one_worker):
    assert shared() and pool() is one_worker[PLAIN]
    other = Kind(variables=("PATH",))
    assert pool(other) is one_worker[other] is not pool()
    child = os.fork()
    if child == 0:
        os._exit(int(shared() or pool().submit(jobs.add, 1, 2, timeout_s=5).result() != 3))
    assert os.waitpid(child, 0)[1] == 0
    use_pools(None)
    assert not shared() and pool() is not one_worker[PLAIN]


def test_the_environment_of_workers_can_be_chosen(monkeypatch):
    monkeypatch.setenv("SECRET", "1")
    kind = Kind(variables=("PATH", "MISSING"))
    assert WorkerPool(1, kind=kind).submit(os.getenv, "SECRET", timeout_s=5).result() is None
    assert WorkerPool(1).submit(os.getenv, "SECRET", timeout_s=5).result() == "1"


def test_heavy_rewards_leave_the_event_loop_where_there_are_workers_of_others(one_worker):
    answer = DataOutput(answer=Step(content="two moons", label={"reference": "two moons"}))
    sample = DataSample(input=[ChatMessage(content="?")], output=[answer])
    reward = RewardRegistry.get("rouge")()

    async def scored():
        with counted_work() as times:
            (result,) = await reward.ascore(sample)
        return result, times.calls

    assert asyncio.run(scored()) == (reward.score(sample)[0], 1)
