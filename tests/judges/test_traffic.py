"""What requests cost whoever asks, and what goes on at their endpoint meanwhile."""

import asyncio

import pytest
from scripted_endpoint import HANG, completion

from reward_fn.judges.llm.spent import counted_requests, now_spent
from reward_fn.judges.llm.traffic import all_traffic
from reward_fn.schema import RewardError

ASKED = [{"role": "user", "content": "?"}]


def traffic(llm):
    return all_traffic()[llm.model, " or ".join(url for url, _, _ in llm.addresses)]


async def counted(llm, count=1, **options):
    with counted_requests() as spent:
        results = await asyncio.gather(*(llm.acomplete(ASKED, **options) for _ in range(count)), return_exceptions=True)
    return spent, results


def test_waiting_and_flight_are_told_apart_and_tokens_are_paid_for(llm_of, endpoint):
    endpoint.latency = 0.2
    llm = llm_of(max_concurrency=1, input_price=10_000, output_price=50_000)
    spent, _ = asyncio.run(counted(llm, 3))
    assert spent.worked_s == pytest.approx(0.6, abs=0.2)
    assert spent.waited_s == pytest.approx(0.2 + 0.4, abs=0.2)
    assert (spent.tokens, spent.cost) == (3 * 120, pytest.approx(3 * 2.0))
    assert llm.usage.waited_s == pytest.approx(spent.waited_s)
    now = traffic(llm)
    assert (now.requests, now.waiting, now.in_flight, now.tokens, now.out) == (3, 0, 0, 360, False)
    assert now.cost == pytest.approx(6.0)


def test_pieces_of_work_side_by_side_are_counted_apart(llm_of):
    llm = llm_of(lambda body: completion("fine", tokens=(len(body["messages"][0]["content"]), 0)))

    async def asked(text):
        with counted_requests() as spent:
            await llm.acomplete([{"role": "user", "content": text}])
        return spent.tokens

    async def both():
        return await asyncio.gather(asked("a"), asked("bbb"))

    assert asyncio.run(both()) == [1, 3]
    assert now_spent().tokens == 0


def test_what_the_cache_has_costs_nothing(llm_of):
    llm = llm_of(cache=True)
    first, _ = asyncio.run(counted(llm))
    again, _ = asyncio.run(counted(llm))
    assert (first.tokens, again.tokens, again.waited_s, again.worked_s) == (120, 0, 0, 0)


def test_who_gives_up_has_waited_and_flown_too(llm_of):
    llm = llm_of(lambda _: HANG, max_concurrency=1, deadline=0.3)
    spent, results = asyncio.run(counted(llm, 2))
    assert all(isinstance(one, RewardError) for one in results)
    assert spent.worked_s == pytest.approx(0.3, abs=0.15)
    assert spent.waited_s == pytest.approx(0.3, abs=0.15)
    assert (traffic(llm).waiting, traffic(llm).in_flight) == (0, 0)


def test_failures_repetitions_and_an_endpoint_that_is_out(llm_of, endpoint):
    endpoint.script = lambda _: (500, {"error": {"message": "down"}})
    llm = llm_of(max_retries=1, out_after=2, max_wait=0.3)
    asyncio.run(counted(llm))
    now = traffic(llm)
    assert (now.requests, now.retries, dict(now.failures), now.out) == (2, 1, {"server_error": 2}, True)


def test_several_endpoints_have_a_row_each_and_one_where_requests_wait(endpoint):
    from reward_fn.judges.llm import OpenaiLLM

    other = endpoint.url.replace("127.0.0.1", "localhost")
    llm = OpenaiLLM(model="several", endpoints=[{"base_url": endpoint.url}, {"base_url": other}])
    asyncio.run(counted(llm, 4))
    found = {url: one for (model, url), one in all_traffic().items() if model == "several"}
    assert found.keys() == {endpoint.url, other, f"{endpoint.url} or {other}"}
    assert [found[url].requests for url in (endpoint.url, other)] == [2, 2]
