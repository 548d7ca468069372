"""The arithmetic of limits: buckets, breakers, turns and budgets, with time handed in; and permits in one process."""

import asyncio
import math
import time
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reward_fn.judges.llm.breaker import Breaker, Outcome
from reward_fn.judges.llm.bucket import Bucket
from reward_fn.judges.llm.budget import Budget
from reward_fn.judges.llm.desk import Desk
from reward_fn.judges.llm.estimate import TokenEstimate
from reward_fn.judges.llm.limits import Limits
from reward_fn.judges.llm.permits import ClosedError, LocalPermits
from reward_fn.judges.llm.priority import current_priority, priority
from reward_fn.judges.llm.turns import Turns, Waiter

RATES = st.floats(0.01, 1000)
STEPS = st.lists(st.tuples(st.floats(0, 10), st.floats(0, 500)), min_size=1, max_size=60)


@given(rate=RATES, burst=st.floats(1, 100), steps=STEPS)
def test_no_stretch_of_time_has_more_than_its_share_and_one_burst(rate, burst, steps):
    bucket, now, taken = Bucket(rate, burst, burst, 0.0), 0.0, []
    for seconds, amount in steps:
        now += seconds
        if bucket.wait(amount, now) == 0:
            bucket.take(amount, now)
            taken.append((now, amount))
    for first in range(len(taken)):
        total = 0.0
        for at, amount in taken[first:]:
            total += amount
            most = rate * (at - taken[first][0]) + max(burst, max(amount for _, amount in taken))
            assert total <= most * (1 + 1e-6) + 1e-6


@given(rate=RATES, burst=st.floats(1, 100), amounts=st.lists(st.floats(0.1, 200), min_size=1, max_size=40))
def test_who_waits_as_long_as_told_may_go(rate, burst, amounts):
    bucket, now = Bucket(rate, burst, 0.0, 0.0), 0.0
    for amount in amounts:
        now += bucket.wait(amount, now)
        assert bucket.wait(amount, now) <= 1e-6
        bucket.take(amount, now)
    # and nothing of the rate is lost on the way
    assert sum(amounts) >= rate * now - burst - 1e-6


def test_what_took_more_than_thought_is_paid_for_later():
    budget = Budget(Limits(tokens_per_minute=6000), 0.0)
    assert budget.wait(10, 0.0) == pytest.approx(0.1)
    budget.take(10, 0.1)
    budget.settle(10, 30, Outcome.WORKED, 0.1)
    assert budget.wait(10, 0.1) == pytest.approx(0.3)
    budget.take(10, 0.4)
    budget.settle(10, 0, Outcome.WORKED, 0.4)
    assert budget.wait(10, 0.4) == 0


def test_what_was_not_sent_costs_nothing():
    budget = Budget(Limits(requests_per_minute=60, tokens_per_minute=60, max_in_flight=1), 0.0)
    budget.take(1, 1.0)
    assert budget.wait(1, 1.0) == math.inf
    budget.settle(1, None, Outcome.UNSENT, 1.0)
    assert budget.wait(1, 1.0) == 0


def test_a_budget_starts_with_one_request_and_keeps_the_strictest_limits():
    budget = Budget(Limits(requests_per_minute=60), 0.0)
    assert budget.wait(0, 0.0) == 0
    budget.take(0, 0.0)
    assert budget.wait(0, 0.0) == pytest.approx(1.0)
    budget.restrict(Limits(requests_per_minute=30, max_in_flight=5), 0.0)
    budget.restrict(Limits(requests_per_minute=600, max_in_flight=9), 0.0)
    assert budget.wait(0, 0.0) == pytest.approx(2.0)
    assert Limits(max_in_flight=3).strictest(Limits(out_after=2)) == Limits(max_in_flight=3, out_after=2)


def test_a_breaker_opens_tries_with_one_and_closes():
    breaker = Breaker(3)
    for _ in range(2):
        breaker.note(Outcome.FAILED, 0.0)
    breaker.note(Outcome.WORKED, 0.0)  # not in a row
    for _ in range(2):
        breaker.note(Outcome.FAILED, 0.0)
    breaker.note(Outcome.UNKNOWN, 0.0)
    assert not breaker.out
    breaker.note(Outcome.FAILED, 0.0)
    assert breaker.out and breaker.closed_for(0.0) == 1.0
    breaker.note(Outcome.FAILED, 0.5)  # it was sent before: nothing new
    assert breaker.closed_for(0.5) == 0.5
    assert breaker.closed_for(1.0) == 0
    breaker.go()
    assert breaker.closed_for(1.0) > 0  # one at a time
    breaker.note(Outcome.FAILED, 1.5)
    assert breaker.closed_for(1.5) == 2.0  # twice as long
    breaker.go()
    breaker.note(Outcome.UNKNOWN, 4.0)  # given up: another one may try
    assert breaker.closed_for(4.0) == 0
    breaker.go()
    breaker.note(Outcome.WORKED, 4.0)
    assert not breaker.out
    for _ in range(3):
        breaker.note(Outcome.FAILED, 5.0)
    assert breaker.closed_for(5.0) == 1.0


@given(st.lists(st.tuples(st.sampled_from(list(Outcome)), st.floats(0, 100)), max_size=80))
def test_a_breaker_always_lets_one_try_at_last(steps):
    breaker, now = Breaker(2), 0.0
    for outcome, seconds in steps:
        now += seconds
        if breaker.closed_for(now) == 0:
            breaker.go()
        assert breaker.closed_for(now) <= 60
        breaker.note(outcome, now)
    assert breaker.closed_for(now + 60) == 0
    never = Breaker(None)
    for _ in range(1000):
        never.note(Outcome.FAILED, 0.0)
    assert not never.out


def order(*waiters):
    turns = Turns()
    for waiter in waiters:
        turns.add(waiter)
    found = []
    while turns:
        first = turns.first()
        turns.went(first)
        found.append(first)
    return found


def test_jobs_take_turns_whatever_they_ask_for():
    much = [Waiter(number, 1, 0, "p", "greedy") for number in range(10)]
    little = [Waiter(number, 1, 1, "q", "modest") for number in range(3)]
    assert [one.job for one in order(*much, *little)][:6] == ["greedy", "modest"] * 3


def test_the_urgent_go_first_in_a_job_and_its_processes_take_turns():
    waiters = [Waiter(0, 1, 1, "a"), Waiter(1, 1, 1, "a"), Waiter(2, 1, 1, "b"), Waiter(3, 1, 0, "b"), Waiter(4, 1, 0)]
    assert [one.number for one in order(*waiters)] == [3, 4, 0, 2, 1]


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 1), st.integers(0, 2)), max_size=40),
    st.sets(st.integers(0, 39)),
)
def test_everybody_has_one_turn_and_who_left_has_none(places, left):
    turns = Turns()
    waiters = [Waiter(number, 1, level, f"c{client}", f"j{job}") for number, (job, level, client) in enumerate(places)]
    for waiter in waiters:
        turns.add(waiter)
    for waiter in waiters:
        if waiter.number in left:
            turns.remove(waiter)
            turns.remove(waiter)
    found = []
    while turns:
        found.append(turns.first().number)
        turns.went(turns.first())
    assert sorted(found) == [number for number in range(len(places)) if number not in left]


def test_a_large_request_is_not_passed_by_small_ones():
    desk = Desk(Budget(Limits(tokens_per_minute=60), 0.0))
    for waiter in (Waiter(0, 50, 0), Waiter(1, 1, 0)):
        desk.waiting.add(waiter)
    assert list(desk.served(0.5)) == []
    assert desk.next_in(0.5) == pytest.approx(0.5)
    assert [one.number for one in desk.served(1.0)] == [0]
    assert desk.next_in(1.0) == pytest.approx(50)


def test_the_guess_of_tokens_learns():
    estimate = TokenEstimate()
    body = {"messages": [{"role": "user", "content": "x" * 4000}], "max_tokens": 100}
    assert estimate.of(body) == 1100
    for _ in range(100):
        estimate.learn(body, 2000, 20)
    assert estimate.of(body) == pytest.approx(2020, rel=0.01)


def test_a_priority_is_that_of_the_calls_inside():
    async def inside():
        await asyncio.sleep(0)
        return current_priority()

    async def work():
        with priority("validation"):
            slow = asyncio.create_task(inside())
        return await asyncio.gather(slow, inside())

    assert asyncio.run(work()) == [1, 0]
    with pytest.raises(ValueError, match="training, validation"), priority("test"):
        pass


def test_permits_keep_the_rate_and_the_number_in_flight():
    async def work():
        permits = LocalPermits(Limits(requests_per_minute=6000, max_in_flight=7))
        flying, most, times = 0, 0, []

        async def one():
            nonlocal flying, most
            permit = await permits.acquire(0, 0)
            times.append(time.monotonic())
            flying += 1
            most = max(most, flying)
            await asyncio.sleep(0.1)
            flying -= 1
            permits.release(permit, None, Outcome.WORKED)

        await asyncio.gather(*(one() for _ in range(100)))
        return most, times[-1] - times[0], permits.in_flight

    most, seconds, left = asyncio.run(work())
    assert (most, left) == (7, 0)
    assert 1.3 <= seconds < 2.5


def test_who_stops_waiting_takes_nothing():
    async def work():
        permits = LocalPermits(Limits(max_in_flight=1))
        first = await permits.acquire(0, 0)
        waiters = [asyncio.create_task(permits.acquire(0, 0)) for _ in range(4)]
        await asyncio.sleep(0)
        waiters[0].cancel()
        permits.release(first, None, Outcome.WORKED)  # granted to the second while the first is on its way out
        waiters[1].cancel()  # which goes too, before it knows that it may
        second = await waiters[2]
        waiters[3].cancel()
        await asyncio.gather(*waiters, return_exceptions=True)
        permits.release(second, None, Outcome.WORKED)
        return permits.in_flight, permits.full

    assert asyncio.run(work()) == (0, False)


def test_a_pause_sends_all_away_who_wait():
    async def work():
        permits = LocalPermits(Limits(max_in_flight=1))
        first = await permits.acquire(0, 0)
        waiters = [asyncio.create_task(permits.acquire(0, 0)) for _ in range(3)]
        await asyncio.sleep(0)
        permits.pause(0.2)
        results = await asyncio.gather(*waiters, return_exceptions=True)
        permits.release(first, None, Outcome.WORKED)
        assert 0.1 < permits.closed_for <= 0.2 and not permits.out
        with pytest.raises(ClosedError):
            await permits.acquire(0, 0)
        await asyncio.sleep(0.21)
        await permits.acquire(0, 0)
        return Counter(type(one) for one in results)

    assert asyncio.run(work()) == {ClosedError: 3}
