"""What scoring takes, on every sample: by itself, in a group, in threads, and as figures of a batch."""

import asyncio
import math
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "judges"))

from scripted_endpoint import Endpoint

from reward_fn.adapters.rows import Row
from reward_fn.adapters.verl.measured import measured, met, took_by, with_share
from reward_fn.adapters.verl.metrics import reward_metrics
from reward_fn.adapters.verl.scorer import MEASURES, scorer_of
from reward_fn.hosting.cohort_actor import Cohort
from reward_fn.hosting.tally import Took, all_tallies
from reward_fn.schema import RewardResult

GOOD = "<reason>so</reason><score>3</score>"
FIRST = "<reason>so</reason><best>1</best>"


@pytest.fixture
def endpoint():
    server = Endpoint(lambda _: GOOD)
    yield server
    server.close()


def judge(endpoint, reward="pointwise_judge", **fields):
    prices = {"input_price": 10_000, "output_price": 50_000}
    llm = {"model": "m", "base_url": endpoint.url, "api_key": "k", "max_retries": 0, **prices, **fields}
    return {"reward": reward, "llm": llm, "on_failure": {"constant": 0}}


def row(answer="4", ground_truth="4"):
    return Row("a", answer, ground_truth, {"question": "2+2?"})


def scored(kwargs, *rows):
    async def work():
        return [one.numbers for one in await asyncio.gather(*map(scorer_of(kwargs).score, rows))]

    return asyncio.run(work())


def test_a_rule_in_the_process_waits_for_nobody_and_pays_nothing():
    (numbers,) = scored({"reward": "string_match"}, row())
    assert 0 < numbers["seconds"] < 5
    assert [numbers[key] for key in MEASURES[1:]] == [0, 0, 0, 0, 0, 1]
    assert all(type(value) is float for value in numbers.values())


def test_work_in_worker_processes_is_not_the_queue():
    numbers = scored({"reward": "math_verify_reward", "name": "m"}, *[row(f"${n}+1$") for n in range(20)])
    assert all(one["work_seconds"] > 0 and one["queue_seconds"] >= 0 for one in numbers)
    assert all(one["queue_seconds"] + one["work_seconds"] <= one["seconds"] + 0.05 for one in numbers)
    assert [one["in_flight"] for one in numbers] == list(range(1, 21))


def test_a_judge_s_requests_wait_fly_and_are_paid_for(endpoint):
    endpoint.latency = 0.2
    first, second = scored(judge(endpoint, max_concurrency=1), row("a"), row("b"))
    assert (first["tokens"], first["cost"], first["failed"]) == (120, pytest.approx(2.0), 0)
    assert first["queue_seconds"] < 0.1 and second["queue_seconds"] == pytest.approx(0.2, abs=0.1)
    assert [one["work_seconds"] for one in (first, second)] == pytest.approx([0.2, 0.2], abs=0.1)
    assert [one["in_flight"] for one in (first, second)] == [1, 2]


def test_a_failed_sample_has_what_it_took_and_the_same_keys(endpoint):
    endpoint.script = lambda body: "no verdict" if "bad" in str(body) else GOOD
    good, bad = scored(judge(endpoint), row("good"), row("bad"))
    assert list(good) == list(bad) and (good["failed"], bad["failed"]) == (0, 1)
    assert bad["tokens"] >= 120 and bad["cost"] >= 2.0 and bad["work_seconds"] > 0
    assert all(math.isfinite(value) for value in bad.values())


def test_what_a_cache_has_is_free(endpoint):
    kwargs = judge(endpoint, cache=True)
    (paid,) = scored(kwargs, row("only here"))
    (free,) = scored(kwargs, row("only here"))
    assert [(one["cached"], one["tokens"], one["cost"]) for one in (paid, free)] == [
        (0, 120, pytest.approx(2)),
        (1, 0, 0),
    ]


def test_threads_are_counted_too(endpoint):
    with_thread = asyncio.run(in_threads(judge(endpoint), 4))
    assert all(one["tokens"] == 120 for one in with_thread)
    assert max(one["in_flight"] for one in with_thread) <= 4


async def in_threads(kwargs, count):
    score = scorer_of(kwargs).score_sync
    return [one.numbers for one in await asyncio.gather(*(asyncio.to_thread(score, row(str(n))) for n in range(count)))]


def test_a_group_shares_what_its_judgment_took_and_waiting_for_it_is_queue(endpoint):
    endpoint.script, endpoint.latency = lambda _: FIRST, 0.3
    scorer = scorer_of(judge(endpoint, "safety_listwise_reward"))

    async def work():
        cohort = Cohort(scorer.compare, 30.0)

        async def one(member, delay):
            await asyncio.sleep(delay)

            async def compared():
                return met(await cohort.join("g", str(member), 3, row(str(member))))

            return (await scorer.score_by(row(str(member)), compared())).numbers

        return await asyncio.gather(*(one(member, delay) for member, delay in enumerate((0, 0.2, 0.5))))

    numbers = asyncio.run(work())
    assert [one["tokens"] for one in numbers] == [40] * 3
    assert sum(one["cost"] for one in numbers) == pytest.approx(2.0)
    assert sum(one["work_seconds"] for one in numbers) == pytest.approx(0.3, abs=0.15)
    assert [one["queue_seconds"] for one in numbers] == pytest.approx([0.5, 0.3, 0.0], abs=0.15)
    assert [one["seconds"] for one in numbers] == pytest.approx([0.8, 0.6, 0.3], abs=0.2)
    assert sorted(one["score"] for one in numbers) == [0, 0, 1]


def test_who_stays_alone_has_only_waited():
    scorer = scorer_of({"reward": "plugged_rewards:LongestReward", "on_failure": {"constant": 0}})

    async def work():
        cohort = Cohort(scorer.compare, 0.2)

        async def compared():
            return met(await cohort.join("g", "0", 3, row()))

        return (await scorer.score_by(row(), compared())).numbers

    numbers = asyncio.run(work())
    assert numbers["failed"] == 1 and numbers["work_seconds"] == 0
    assert numbers["queue_seconds"] == numbers["seconds"] > 0.15


def test_against_a_reference_the_answer_pays_for_all(endpoint):
    endpoint.script = lambda _: FIRST
    kwargs = {**judge(endpoint, "safety_listwise_reward"), "group": {"against_reference": True}}
    scorer = scorer_of(kwargs)
    numbers = asyncio.run(scorer.score_by(row(), scorer.lone(row()))).numbers
    assert (numbers["tokens"], numbers["cost"], numbers["failed"]) == (120, pytest.approx(2.0), 0)


def test_shares_by_hand():
    result = RewardResult.of("r", 1.0)
    judged = Took(seconds=2.0, queue_s=3.0, work_s=6.0, asked=3, found=0, tokens=9, cost=1.5)
    here = Took(seconds=5.0, queue_s=0.25)
    assert took_by(result, here) == here
    assert took_by(with_share(result, judged, 3), here) == Took(5.0, 0.25 + 1.0 + (5.0 - 2.0), 2.0, 1.0, 0.0, 3.0, 0.5)
    assert took_by(met(result), here) == Took(5.0, 0.25 + 5.0)
    assert met(with_share(result, judged, 3)).extra_data == with_share(result, judged, 3).extra_data


def test_a_block_within_a_block_is_measured_by_itself():
    with measured() as outer:
        with measured() as inner:
            time.sleep(0.05)
        assert inner.took.seconds >= 0.05
    assert outer.took.queue_s == 0


def test_who_is_cancelled_is_in_flight_no_longer_and_not_scored():
    scorer = scorer_of({"reward": "string_match", "name": "cancelled"})

    async def work():
        task = asyncio.create_task(scorer.score_by(row(), asyncio.sleep(60)))
        await asyncio.sleep(0.05)
        during = all_tallies()["cancelled", "default"]
        task.cancel()
        await asyncio.wait([task])
        return during.in_flight, all_tallies()["cancelled", "default"]

    during, after = asyncio.run(work())
    assert (during, after.in_flight, after.scored, after.failures.total()) == (1, 0, 0, 0)


def test_answers_are_tallied_by_route_and_kind():
    routes = {"x": {"reward": "string_match", "name": "tallied"}}
    scorer = scorer_of({"routes": routes, "on_failure": {"constant": 0}})

    async def work():
        rows = [Row("x", "4", "4"), Row("x", "5", "4"), Row("x", "4", None), Row("y", "4", "4")]
        return await asyncio.gather(*map(scorer.score, rows))

    before = all_tallies().get(("none", "no route"))
    asyncio.run(work())
    tally, unknown = all_tallies()["tallied", "x"], all_tallies()["none", "no route"]
    assert (tally.scored, dict(tally.failures), tally.seconds.counts.total()) == (2, {"bad_input": 1}, 3)
    assert unknown.failures["bad_input"] - (before.failures["bad_input"] if before else 0) == 1


def test_figures_by_hand():
    samples = [
        {"score": 1.0, "failed": 0.0, "seconds": float(n), "tokens": 10.0, "cost": 0.5, "in_flight": 3.0, "cached": 0.5}
        for n in range(1, 100)
    ]
    samples.append({**samples[0], "failed": 1.0, "seconds": 100.0, "cost": 1.0, "in_flight": 7.0, "cached": 1.0})
    metrics = reward_metrics(samples)
    seconds = {name: metrics[f"reward/seconds/{name}"] for name in ("mean", "p50", "p95", "p99", "max")}
    assert seconds == pytest.approx({"mean": 50.5, "p50": 50.5, "p95": 95.05, "p99": 99.01, "max": 100})
    assert (metrics["reward/tokens/sum"], metrics["reward/tokens/mean"]) == (1000, 10)
    assert (metrics["reward/cost/sum"], metrics["reward/cost/max"]) == (pytest.approx(50.5), 1)
    assert (metrics["reward/in_flight/max"], metrics["reward/cached/mean"]) == (7, pytest.approx(0.505))
    assert metrics["reward/failed/mean"] == 0.01
    told = {key.split("/")[2] for key in metrics if key.startswith("reward/seconds/")}
    assert told == {"mean", "p50", "p95", "p99", "max"}


def test_each_route_has_its_own_figures_and_a_part_may_have_a_longer_name():
    sample = {"score": 1.0, "failed": 0.0, "seconds": 1.0, "tokens": 10.0, "in_flight": 3.0, "then/tokens": 2.0}
    samples = [{**sample, "route": 0.0}, {**sample, "route": 1.0, "tokens": 5.0}]
    metrics = reward_metrics(samples, {"x": ("then/tokens",), "y": ()})
    sums = {key: value for key, value in metrics.items() if key.endswith("/tokens/sum")}
    assert sums == {"reward/tokens/sum": 15, "reward/x/tokens/sum": 10, "reward/y/tokens/sum": 5}
    assert metrics["reward/x/then/tokens/std"] == 0 and "reward/x/in_flight/max" not in metrics
    assert metrics["reward/y/seconds/p99"] == 1
