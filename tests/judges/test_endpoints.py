"""Several endpoints, limits and priorities of a client, against endpoints on loopback that do as a test says."""

import asyncio
import pickle
import time

import pytest
from pydantic import ValidationError
from scripted_endpoint import HANG, Endpoint, completion

from reward_fn.judges.llm import OpenaiLLM, priority
from reward_fn.judges.llm import line as line_module
from reward_fn.schema import FailureKind, RewardError

ASK = [{"role": "user", "content": "how good?"}]
BROKEN = (500, {"error": {"message": "oops"}})


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    monkeypatch.setattr(line_module, "_FIRST_PAUSE_S", 0.01)


@pytest.fixture
def three():
    servers = [Endpoint() for _ in range(3)]
    yield servers
    for server in servers:
        server.close()


def llm_of(servers, weights=(1, 1, 1), **fields):
    endpoints = [{"base_url": server.url, "weight": weight} for server, weight in zip(servers, weights, strict=True)]
    return OpenaiLLM(**{"model": "m", "endpoints": endpoints, **fields})


async def ask(llm, count, text="?"):
    asked = [llm.acomplete([{"role": "user", "content": f"{text} {number}"}]) for number in range(count)]
    return await asyncio.gather(*asked, return_exceptions=True)


def counts(servers):
    return [len(server.requests) for server in servers]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"base_url": "http://127.0.0.1:9/v1"}, "either endpoints or base_url"),
        ({"api_key": "k"}, "either endpoints or api_key"),
        ({"endpoints": [{"base_url": "localhost"}]}, "endpoints.0.base_url"),
        ({"endpoints": [{"base_url": "http://e/v1", "api_key_env": "NOT_THERE"}]}, "the environment has no NOT_THERE"),
        ({"endpoints": [{"base_url": "http://e/v1", "weight": 0}]}, "weight"),
        ({"endpoints": [{"base_url": "http://e/v1", "api_key": "k"}]}, "api_key"),
        ({"requests_per_minute": 0}, "requests_per_minute"),
    ],
)
def test_wrong_fields_are_named(three, fields, told):
    with pytest.raises(ValidationError, match=told):
        llm_of(three, **fields)


def test_a_key_in_the_place_of_its_name_is_not_repeated(three):
    with pytest.raises(ValidationError, match="and not the key") as caught:
        llm_of(three, endpoints=[{"base_url": "http://e/v1", "api_key_env": "sk-secret-1"}])
    assert "sk-secret-1" not in str(caught.value)


def test_each_endpoint_has_its_key_and_the_log_has_none(three, monkeypatch, tmp_path):
    for place in range(3):
        monkeypatch.setenv(f"KEY_{place}", f"sk-{place}")
    endpoints = [{"base_url": one.url, "api_key_env": f"KEY_{place}"} for place, one in enumerate(three)]
    llm = OpenaiLLM(model="m", endpoints=endpoints, log_file=tmp_path / "log")
    llm = pickle.loads(pickle.dumps(llm)).model_copy(update={"temperature": 0.5})
    asyncio.run(ask(llm, 30, "my key is sk-1"))
    assert [server.headers[0]["Authorization"] for server in three] == [f"Bearer sk-{place}" for place in range(3)]
    assert "sk-" not in (tmp_path / "log").read_text() + repr(llm) + llm.model_dump_json()


def test_requests_go_where_least_waits_by_the_weights(three):
    for server in three:
        server.latency = 0.05
    asyncio.run(ask(llm_of(three, (1, 2, 5)), 400))
    assert counts(three) == pytest.approx([50, 100, 250], rel=0.2)


def test_what_begins_alike_goes_to_the_same_endpoint(three):
    llm = llm_of(three, sticky_chars=20)
    for text in range(30):
        for _ in range(3):
            llm.complete([{"role": "user", "content": f"{text:020} and more {_}"}])
    places = [{body["messages"][0]["content"][:20] for body in server.requests} for server in three]
    assert sum(map(len, places)) == 30 and min(map(len, places)) >= 3


def test_what_begins_alike_still_spreads_over_endpoints_when_one_has_too_much(three):
    for server in three:
        server.latency = 0.1
    asyncio.run(ask(llm_of(three, sticky_chars=3), 60, "same"))
    assert max(counts(three)) <= 30


def test_a_retry_goes_elsewhere(three):
    three[0].script = three[1].script = lambda _: BROKEN
    for _ in range(5):
        llm = llm_of(three, max_retries=2)
        assert llm.complete(ASK).text == "fine"


def test_a_bad_key_is_no_end_while_there_are_others(three):
    three[0].script = lambda _: (401, {"error": {"message": "bad key"}})
    three[1].script = lambda _: (429, {"error": {"message": "pay", "code": "insufficient_quota"}})
    results = asyncio.run(ask(llm_of(three), 20))
    assert [one.text for one in results] == ["fine"] * 20
    three[2].script = three[0].script
    with pytest.raises(RewardError):
        llm_of(three, revision="all bad").complete(ASK)


def test_a_failing_endpoint_is_taken_out_and_tried_again(three):
    three[0].script = lambda _: BROKEN
    llm = llm_of(three, out_after=3, max_concurrency=4)
    assert all(one.text == "fine" for one in asyncio.run(ask(llm, 100)))
    assert 3 <= len(three[0].requests) <= 6
    time.sleep(1.1)
    asyncio.run(ask(llm, 50))
    assert 4 <= len(three[0].requests) <= 7  # one more
    three[0].script = lambda _: "fine"
    time.sleep(2.1)
    asyncio.run(ask(llm, 100))
    assert len(three[0].requests) > 20


def test_a_pause_of_one_is_spent_at_the_others(three):
    three[0].script = lambda _: (429, {}, {"Retry-After": "20"})
    began = time.monotonic()
    assert all(one.text == "fine" for one in asyncio.run(ask(llm_of(three), 60)))
    assert time.monotonic() - began < 5
    assert len(three[0].requests) <= 20


def test_when_all_are_out_the_failure_names_them(three):
    for server in three:
        server.script = lambda _: BROKEN
    llm = llm_of(three, out_after=1, max_retries=3, max_wait=0.5)
    with pytest.raises(RewardError):
        llm.complete(ASK)
    began = time.monotonic()
    with pytest.raises(RewardError) as caught:
        llm.complete(ASK)
    assert time.monotonic() - began < 2
    assert caught.value.failure.kind is FailureKind.UNAVAILABLE
    assert all(server.url in caught.value.failure.detail for server in three)
    with pytest.raises(RewardError, match="deadline"):
        llm_of(three, out_after=1, deadline=0.3).complete(ASK)


def test_one_endpoint_is_never_out_unless_asked(endpoint):
    endpoint.script = lambda _: BROKEN
    llm = OpenaiLLM(model="m", base_url=endpoint.url, max_retries=0)
    for _ in range(12):
        with pytest.raises(RewardError, match="HTTP 500"):
            llm.complete(ASK)
    llm = OpenaiLLM(model="n", base_url=endpoint.url, max_retries=0, out_after=2, max_wait=0.2)
    for told in ("HTTP 500", "HTTP 500", "out after failures", "out after failures"):
        with pytest.raises(RewardError, match=told):
            llm.complete(ASK)
    assert len(endpoint.requests) == 14


def test_the_rate_is_that_of_all_clients_of_a_key(endpoint):
    fields = {"model": "m", "base_url": endpoint.url, "requests_per_minute": 3000}

    async def work():
        await asyncio.gather(ask(OpenaiLLM(**fields), 50), ask(OpenaiLLM(**fields, temperature=0.1), 50))

    asyncio.run(work())
    # Two rates would take half of it. On a busy machine the first request is late, or all are.
    assert 0.65 * 99 / 50 < endpoint.times[-1] - endpoint.times[0] < 3 * 99 / 50


def test_tokens_are_guessed_and_corrected(endpoint):
    endpoint.script = lambda _: completion("fine", tokens=(900, 100))
    llm = OpenaiLLM(model="m", base_url=endpoint.url, tokens_per_minute=60 * 20_000, max_concurrency=4)
    asyncio.run(ask(llm, 40))
    assert 0.6 * 40_000 / 20_000 < endpoint.times[-1] - endpoint.times[0] < 3 * 40_000 / 20_000


def test_training_goes_before_validation(endpoint):
    endpoint.latency = 0.05
    llm = OpenaiLLM(model="m", base_url=endpoint.url, max_concurrency=1)

    async def work():
        with priority("validation"):
            later = asyncio.create_task(ask(llm, 5, "validation"))
        while len(endpoint.requests) < 2:
            await asyncio.sleep(0.001)
        await asyncio.gather(later, ask(llm, 5, "training"))

    asyncio.run(work())
    texts = [body["messages"][0]["content"] for body in endpoint.requests]
    assert sum(text.startswith("training") for text in texts[2:7]) == 5


def test_past_max_waiting_requests_fail_at_once(endpoint):
    endpoint.latency = 0.3
    llm = OpenaiLLM(model="m", base_url=endpoint.url, max_concurrency=2, max_waiting=3)
    results = asyncio.run(ask(llm, 10))
    failed = [one for one in results if isinstance(one, RewardError)]
    assert len(failed) == 5
    assert {one.failure.kind for one in failed} == {FailureKind.RATE_LIMIT}
    assert "max_waiting" in failed[0].failure.detail
    assert (len(endpoint.requests), llm.usage.waiting) == (5, 0)
    assert llm.usage.waited_s > 0.5


def test_who_waits_for_a_turn_keeps_the_deadline(endpoint):
    endpoint.script = lambda _: HANG
    llm = OpenaiLLM(model="m", base_url=endpoint.url, max_concurrency=1, deadline=0.4)
    results = asyncio.run(ask(llm, 4))
    assert [one.failure.kind for one in results] == [FailureKind.TIMEOUT] * 4
    assert llm.usage.waiting == 0
    endpoint.script = lambda _: "fine"
    assert llm.complete(ASK).text == "fine"
