"""Clients of hosted models: where they send, what they wait for, and what they are told when nobody hosts."""

import asyncio
import pickle
import time

import pytest
from pydantic import ValidationError
from scripted_endpoint import RESET, Endpoint

from reward_fn import OpenaiLLM
from reward_fn.judges.llm.hosted import HostedModel, use_models
from reward_fn.schema import FailureKind, RewardError


class Hosted(HostedModel):
    """A model whose servers come and go as a test says."""

    def __init__(self, path="/models/one", start_s=5.0):
        super().__init__("judge", path, start_s)
        self.wanted = 0

    def want(self):
        self.wanted += 1

    def has(self, *endpoints):
        self._tell(tuple((one.url, "sk-hosted", 1.0) for one in endpoints))

    def fails(self, why):
        self._tell((), why, hopeless=True)


@pytest.fixture
def hosted():
    one = Hosted()
    use_models(lambda _: one)
    yield one
    use_models(None)


@pytest.fixture
def endpoints():
    two = [Endpoint(lambda _: "first"), Endpoint(lambda _: "second")]
    yield two
    for one in two:
        one.close()


def ask(**fields):
    return OpenaiLLM(model="judge", hosted=True, **fields).simple_chat("?")


def failure(**fields):
    with pytest.raises(RewardError) as caught:
        ask(**fields)
    return caught.value.failure


@pytest.mark.parametrize("field", [{"base_url": "http://x/v1"}, {"api_key": "k"}, {"endpoints": ()}])
def test_a_hosted_model_has_no_other_place(field):
    with pytest.raises(ValidationError, match=f"write either hosted or {next(iter(field))}"):
        OpenaiLLM(model="judge", hosted=True, **field)


def test_where_nobody_hosts_it_is_said_how():
    told = failure()
    assert told.kind is FailureKind.UNAVAILABLE
    assert "hosting: {models: {judge: {path: …}}}" in told.detail and "attach_models" in told.detail
    assert failure(cache=True).kind is FailureKind.UNAVAILABLE


def test_it_sends_where_the_servers_are(hosted, endpoints):
    first, second = endpoints
    hosted.has(first)
    llm = pickle.loads(pickle.dumps(OpenaiLLM(model="judge", hosted=True)))
    assert llm.simple_chat("?") == "first"
    assert first.headers[0]["Authorization"] == "Bearer sk-hosted" and first.requests[0]["model"] == "judge"
    hosted.has(second)
    assert {llm.simple_chat("?") for _ in range(4)} == {"second"}
    hosted.has(first, second)
    assert {llm.simple_chat("?") for _ in range(20)} == {"first", "second"}
    assert hosted.wanted >= 6 and llm.usage.retries == 0


def test_requests_wait_for_a_server_and_count_meanwhile(hosted, endpoints):
    llm = OpenaiLLM(model="judge", hosted=True)

    async def work():
        asked = [asyncio.ensure_future(llm.asimple_chat("?")) for _ in range(5)]
        while hosted.waiting < 5:
            await asyncio.sleep(0.01)
        assert hosted.load == 5 and hosted.wanted
        endpoints[0].latency = 1.0
        hosted.has(endpoints[0])
        while hosted.waiting:
            await asyncio.sleep(0.01)
        assert hosted.in_flight == {endpoints[0].url: 5}
        return await asyncio.gather(*asked)

    assert asyncio.run(work()) == ["first"] * 5
    assert hosted.load == 0


def test_a_request_that_loses_its_server_goes_to_the_next_one(hosted, endpoints):
    first, second = endpoints

    def lose(_):
        hosted.has(second)
        return RESET

    first.script = lose
    hosted.has(first)
    assert ask() == "second"


def test_waiting_is_bounded(hosted):
    hosted._start_s = 0.2
    began = time.monotonic()
    told = failure(max_wait=0.2)
    assert told.kind is FailureKind.UNAVAILABLE and "within 0.4 s" in told.detail
    assert time.monotonic() - began < 3
    assert failure(deadline=0.1).kind is FailureKind.TIMEOUT
    assert hosted.load == 0


def test_no_more_may_wait_than_are_allowed(hosted):
    llm = OpenaiLLM(model="judge", hosted=True, max_waiting=2, deadline=0.5)

    async def work():
        return await asyncio.gather(*(llm.asimple_chat("?") for _ in range(5)), return_exceptions=True)

    kinds = [error.failure.kind for error in asyncio.run(work())]
    assert kinds.count(FailureKind.RATE_LIMIT) == 3 and kinds.count(FailureKind.TIMEOUT) == 2


def test_what_will_not_come_is_not_waited_for(hosted):
    llm = OpenaiLLM(model="judge", hosted=True)

    async def work():
        asked = asyncio.ensure_future(llm.asimple_chat("?"))
        await asyncio.sleep(0.2)
        hosted.fails("vllm ended with status 1")
        with pytest.raises(RewardError, match="vllm ended with status 1") as caught:
            await asked
        assert caught.value.failure.kind is FailureKind.UNAVAILABLE

    asyncio.run(work())
    assert llm.usage.retries == 0


def test_caches_know_answers_by_the_model_and_not_by_its_place(hosted, endpoints):
    first, second = endpoints
    llm = OpenaiLLM(model="judge", hosted=True, cache=True)
    hosted.has(first)
    assert llm.simple_chat("what is cached?") == "first"
    hosted.has(second)
    assert llm.simple_chat("what is cached?") == "first"
    hosted.path = "/models/two"
    assert llm.simple_chat("what is cached?") == "second"
