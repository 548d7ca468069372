"""The client: what it sends, what it makes of what comes back, and how often it asks."""

import asyncio
import copy
import json
import pickle
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from pydantic import ValidationError
from scripted_endpoint import BROKEN, HANG, RESET, completion

from reward_fn.judges.llm import OpenaiLLM
from reward_fn.judges.llm import line as line_module
from reward_fn.judges.llm.headers import seconds_of, wanted_pause
from reward_fn.schema import ChatMessage, FailureKind, MessageRole, RewardError

ASK = [{"role": "user", "content": "how good?"}]


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    monkeypatch.setattr(line_module, "_FIRST_PAUSE_S", 0.01)


def failure_of(llm, **options):
    with pytest.raises(RewardError) as caught:
        llm.complete(ASK, **options)
    return caught.value.failure


def in_turn(*answers):
    """Return a script of answers, the last one for ever."""
    rest = list(answers)
    return lambda _: rest.pop(0) if len(rest) > 1 else rest[0]


def test_a_request_is_that_of_the_api(endpoint, llm_of):
    llm = llm_of(temperature=0.5, top_p=0.9, seed=1, max_tokens=99, enable_thinking=False, extra_body={"min_p": 0.1})
    turns = [ChatMessage(role=MessageRole.SYSTEM, content="be brief"), {"role": "user", "content": "hi"}]
    answer = llm.chat(turns)
    assert (answer.role, answer.content) == (MessageRole.ASSISTANT, "fine")
    assert endpoint.requests == [
        {
            "model": "scripted",
            "messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hi"}],
            "temperature": 0.5,
            "top_p": 0.9,
            "seed": 1,
            "max_tokens": 99,
            "enable_thinking": False,
            "chat_template_kwargs": {"enable_thinking": False},
            "min_p": 0.1,
        }
    ]
    assert endpoint.headers[0]["Authorization"] == "Bearer sk-secret"


def test_what_is_not_set_is_not_sent(endpoint, llm_of):
    llm_of(max_tokens=None).complete(ASK)
    assert set(endpoint.requests[0]) == {"model", "messages"}


def test_simple_chat_has_a_history(endpoint, llm_of):
    assert llm_of().simple_chat("c", history=["a", "b"], sys_prompt="s") == "fine"
    assert [(m["role"], m["content"]) for m in endpoint.requests[0]["messages"]] == [
        ("system", "s"), ("user", "a"), ("assistant", "b"), ("user", "c")]  # fmt: skip


def test_key_and_url_come_from_the_environment(endpoint, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-environment")
    monkeypatch.setenv("OPENAI_BASE_URL", endpoint.url)
    monkeypatch.delenv("BASE_URL", raising=False)
    OpenaiLLM(model="m").complete(ASK)
    assert endpoint.headers[0]["Authorization"] == "Bearer sk-environment"
    monkeypatch.setenv("BASE_URL", "http://127.0.0.1:9/v1")
    assert OpenaiLLM(model="m").base_url == "http://127.0.0.1:9/v1"


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"model": ""}, "model"),
        ({"base_url": "localhost:8000"}, "write http://"),
        ({"base_url": "https://api.openai.com/v1", "api_key": ""}, "set OPENAI_API_KEY"),
        ({"max_cost": 1.0}, "input_price"),
        ({"temprature": 0}, "temprature"),
        ({"max_concurrency": 0}, "max_concurrency"),
    ],
)
def test_wrong_fields_are_named(llm_of, fields, told):
    with pytest.raises(ValidationError, match=told):
        llm_of(**fields)


@pytest.mark.parametrize(
    ("answer", "text", "reasoning"),
    [
        ("<think>hm</think>good", "good", "hm"),
        (completion("good", reasoning_content="hm"), "good", "hm"),
        (completion("good", reasoning="hm"), "good", "hm"),
        (completion("it says </think> here", reasoning="hm"), "it says </think> here", "hm"),
        ("hm</think>good", "good", ""),
        ("[THINK]hm[/THINK]good", "good", ""),
        (" it prints `</think>`\n", " it prints `</think>`\n", ""),
    ],
)
def test_thoughts_are_kept_apart(llm_of, answer, text, reasoning):
    found = llm_of(lambda _: answer).complete(ASK)
    assert (found.text, found.reasoning) == (text, reasoning)


@pytest.mark.parametrize(
    ("answer", "kind", "requests"),
    [
        ((401, {"error": {"message": "bad key"}}), FailureKind.AUTHENTICATION, 1),
        ((403, {"error": {"message": "no"}}), FailureKind.AUTHENTICATION, 1),
        ((404, {"error": {"message": "no model"}}), FailureKind.REJECTED, 1),
        ((400, {"error": {"message": "too long"}}), FailureKind.REJECTED, 1),
        ((400, {"error": {"message": "no", "code": "content_filter"}}), FailureKind.REFUSAL, 1),
        ((429, {"error": {"message": "slow down"}}), FailureKind.RATE_LIMIT, 3),
        ((429, {"error": {"message": "pay", "code": "insufficient_quota"}}), FailureKind.RATE_LIMIT, 1),
        ((500, {"error": {"message": "oops"}}), FailureKind.SERVER_ERROR, 3),
        ((503, {"error": {"message": "busy"}}), FailureKind.SERVER_ERROR, 3),
        (RESET, FailureKind.CONNECTION, 3),
        (BROKEN, FailureKind.SERVER_ERROR, 3),
        ({"choices": []}, FailureKind.SERVER_ERROR, 3),
        ([1], FailureKind.SERVER_ERROR, 3),
        ({"choices": [{"message": "fine"}]}, FailureKind.SERVER_ERROR, 3),
        (HANG, FailureKind.TIMEOUT, 3),
        (completion(None), FailureKind.EMPTY, 1),
        (completion("  "), FailureKind.EMPTY, 1),
        (completion("<think>hm"), FailureKind.TRUNCATED, 1),
        (completion("half", finish_reason="length"), FailureKind.TRUNCATED, 1),
        (completion("", finish_reason="content_filter"), FailureKind.REFUSAL, 1),
        (completion(None, refusal="I cannot"), FailureKind.REFUSAL, 1),
    ],
)
def test_each_failure_has_its_kind_and_is_asked_again_only_if_that_can_help(endpoint, llm_of, answer, kind, requests):
    llm = llm_of(lambda _: answer, max_retries=2, timeout=0.3 if answer is HANG else 60)
    assert failure_of(llm).kind is kind
    assert len(endpoint.requests) == requests == llm.usage.requests
    assert llm.usage.retries == requests - 1
    assert llm.usage.failures == {kind: requests}


def test_a_server_that_is_not_there_is_a_failed_connection():
    llm = OpenaiLLM(model="m", base_url="http://127.0.0.1:9/v1", max_retries=0)
    assert failure_of(llm).kind is FailureKind.CONNECTION
    assert "127.0.0.1:9" in failure_of(llm).detail


def test_text_that_is_no_unicode_is_bad_input(llm_of):
    with pytest.raises(RewardError) as caught:
        llm_of().complete([{"role": "user", "content": "\ud800"}])
    assert caught.value.failure.kind is FailureKind.BAD_INPUT


def test_what_passes_is_asked_again_until_it_is_answered(endpoint, llm_of):
    llm = llm_of(in_turn((500, {}), RESET, (429, {}), "at last"))
    assert llm.complete(ASK).text == "at last"
    assert len(endpoint.requests) == 4


def test_a_pause_that_the_server_asks_for_is_kept_by_all_requests(endpoint, llm_of):
    llm = llm_of(in_turn((429, {}, {"Retry-After": "1"}), "fine"))
    with pytest.raises(RewardError):
        llm.model_copy(update={"max_wait": 0.5, "api_key": "other"}).complete(
            ASK
        )  # longer than it waits: no second one
    assert len(endpoint.requests) == 1
    endpoint.script = in_turn((429, {}, {"Retry-After": "1"}), "fine")

    async def work():
        first = asyncio.create_task(llm.acomplete(ASK))
        await asyncio.sleep(0.3)
        return await asyncio.gather(first, llm.acomplete(ASK))

    asyncio.run(work())
    times = endpoint.times[1:]
    assert len(times) == 3
    assert min(times[1:]) - times[0] >= 1.0


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 0),
        ({"retry-after": "3"}, 3),
        ({"retry-after-ms": "250", "retry-after": "3"}, 0.25),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0),
        ({"retry-after": "soon"}, 0),
        ({"retry-after": "-1"}, 0),
        ({"retry-after": "inf"}, 0),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1m30s"}, 90),
        ({"x-ratelimit-remaining-requests": "1", "x-ratelimit-reset-requests": "1m30s"}, 0),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "6ms"}, 0.006),
    ],
)
def test_headers_say_how_long_to_wait(headers, seconds):
    assert wanted_pause(headers) == pytest.approx(seconds)


def test_durations_are_read():
    assert [seconds_of(one) for one in ("1s", "6m0s", "12ms", "1h2m3s", "7", "", "x1s")] == [
        1,
        360,
        0.012,
        3723,
        7,
        0,
        0,
    ]


def test_as_many_are_in_flight_as_may_be(endpoint, llm_of):
    endpoint.latency = 0.4
    llm = llm_of(max_concurrency=17)

    async def work():
        return await asyncio.gather(*(llm.acomplete(ASK) for _ in range(60)))

    asyncio.run(work())
    assert endpoint.most_in_flight == llm.usage.most_in_flight == 17


def test_threads_and_loops_share_the_limit(endpoint, llm_of):
    endpoint.latency = 0.2
    llm = llm_of(max_concurrency=4)

    async def work():
        return await asyncio.gather(*(llm.acomplete(ASK) for _ in range(8)))

    with ThreadPoolExecutor(6) as threads:
        futures = [threads.submit(llm.complete, ASK) for _ in range(8)] + [threads.submit(asyncio.run, work())]
        assert all(future.result() for future in futures)
    asyncio.run(work())  # and a loop after another that has ended
    assert endpoint.most_in_flight == 4


def test_a_sync_call_inside_the_loop_of_async_calls_does_not_wait_for_itself(llm_of):
    from reward_fn import loop

    llm = llm_of()

    async def outer():
        return llm.complete(ASK).text

    async def outermost():
        return loop.run(outer())

    assert loop.run(outermost()) == "fine"


def test_who_gives_up_leaves_no_request_behind(endpoint, llm_of):
    llm = llm_of(lambda _: HANG, max_retries=0)

    async def work():
        task = asyncio.create_task(llm.acomplete(ASK))
        while not endpoint.in_flight:
            await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(work())
    deadline = time.monotonic() + 5
    while endpoint.in_flight and time.monotonic() < deadline:
        time.sleep(0.01)
    assert (endpoint.in_flight, endpoint.abandoned) == (0, 1)
    endpoint.script = lambda _: "fine"
    assert llm.complete(ASK).text == "fine"


def test_a_deadline_holds_for_all_tries_together(endpoint, llm_of):
    began = time.monotonic()
    failure = failure_of(llm_of(lambda _: HANG, deadline=1.5, timeout=0.3, max_retries=50))
    assert failure.kind is FailureKind.TIMEOUT
    assert "deadline" in failure.detail
    assert time.monotonic() - began < 10
    assert 2 <= len(endpoint.requests) <= 5


def test_a_straggler_gets_a_hedge_and_the_first_answer_counts(endpoint, llm_of):
    llm = llm_of(in_turn(HANG, "second"), hedge_after=0.5)
    assert llm.complete(ASK).text == "second"
    assert (llm.usage.requests, llm.usage.hedges) == (2, 1)
    endpoint.script = in_turn((500, {}), "third")
    assert llm.complete(ASK).text == "third"
    assert llm.usage.hedges == 1  # what fails fast is repeated, not hedged


def test_a_hedge_takes_no_place_that_is_not_free(endpoint, llm_of):
    endpoint.latency = 0.3
    llm = llm_of(hedge_after=0.05, max_concurrency=1)
    assert llm.complete(ASK).text == "fine"
    assert len(endpoint.requests) == 1


def test_tokens_and_money_are_counted_and_capped(endpoint, llm_of):
    llm = llm_of(lambda _: completion("x", tokens=(1000, 100)), input_price=1.0, output_price=10.0, max_cost=0.0035)
    assert llm.complete(ASK).prompt_tokens == 1000
    assert llm.usage.cost == pytest.approx(0.002)
    llm.complete(ASK)
    assert failure_of(llm).kind is FailureKind.BUDGET
    assert len(endpoint.requests) == 2
    assert (llm.usage.prompt_tokens, llm.usage.completion_tokens) == (2000, 200)


def test_what_was_cut_off_is_paid_for_as_well(llm_of):
    llm = llm_of(lambda _: completion("x", finish_reason="length", tokens=(10, 5)))
    failure_of(llm)
    assert llm.usage.completion_tokens == 5


@pytest.mark.parametrize("on_disk", [False, True])
def test_an_answer_is_asked_for_once(endpoint, llm_of, tmp_path, on_disk):
    cache = tmp_path / "cache" / "answers.db" if on_disk else True
    script = iter(range(100))
    llm = llm_of(lambda _: f"<think>why</think>{next(script)}", cache=cache, revision=str(tmp_path))
    first, again = llm.complete(ASK), llm.complete(ASK)
    assert (first.text, first.cached) == ("0", False)
    assert (again.text, again.reasoning, again.cached) == ("0", "why", True)
    assert llm.usage.cache_hits == 1
    assert llm.usage.prompt_tokens == 100  # once
    assert llm_of(cache=cache, revision=str(tmp_path)).complete(ASK).text == "0"  # another client


def test_with_a_cache_identical_requests_are_made_once_also_at_the_same_time(endpoint, llm_of):
    llm = llm_of(in_turn((500, {}), "fine"), cache=True, revision="at once")

    async def work():
        return await asyncio.gather(*(llm.acomplete(ASK) for _ in range(5)))

    answers = asyncio.run(work())
    assert [answer.text for answer in answers] == ["fine"] * 5
    assert sorted(answer.cached for answer in answers) == [False] + [True] * 4
    assert len(endpoint.requests) == 2 and llm.usage.cache_hits == 4


def test_a_failure_of_requests_that_are_made_once_is_everybodys(endpoint, llm_of):
    llm = llm_of(lambda _: (401, {}), cache=True, revision="fails at once")

    async def work():
        return await asyncio.gather(*(llm.acomplete(ASK) for _ in range(5)), return_exceptions=True)

    assert {error.failure.kind for error in asyncio.run(work())} == {FailureKind.AUTHENTICATION}
    assert len(endpoint.requests) == 1


def test_the_key_of_the_cache_has_every_ingredient(endpoint, llm_of, tmp_path):
    base = {"cache": tmp_path / "answers.db", "revision": "a"}
    script = iter(range(100))
    endpoint.script = lambda _: str(next(script))
    changes = [{}, {"model": "other"}, {"revision": "b"}, {"temperature": 0.1}, {"top_p": 0.5}, {"seed": 3},
               {"max_tokens": 7}, {"enable_thinking": True}, {"extra_body": {"min_p": 0.1}},
               {"revision": ""}]  # fmt: skip
    texts = [llm_of(**{**base, **change}).complete(ASK).text for change in changes]
    llm = llm_of(**base)
    texts += [llm.complete(ASK, draw=1).text, llm.complete(ASK, template="t").text]
    texts += [llm.complete(ASK, top_logprobs=5).text, llm.complete(ASK, response_format={"type": "json_object"}).text]
    texts += [llm.complete([{"role": "user", "content": "how bad?"}]).text]
    assert len(set(texts)) == len(texts)
    assert llm.complete(ASK).text == texts[0]


def test_failures_are_not_cached(llm_of):
    llm = llm_of(in_turn(completion("x", finish_reason="length"), "fine"), cache=True, revision="failures")
    failure_of(llm)
    assert llm.complete(ASK).text == "fine"


def test_the_log_has_all_requests_and_never_the_key(endpoint, llm_of, tmp_path):
    log = tmp_path / "logs" / "requests.jsonl"
    llm = llm_of(in_turn((500, {"error": {"message": "the key sk-secret"}}), "fine"), log_file=log)
    llm.complete([{"role": "user", "content": "my key is sk-secret"}])
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line.get("failure", {}).get("kind") for line in lines] == ["server_error", None]
    assert lines[1]["answer"]["text"] == "fine"
    assert lines[1]["tokens"] == [100, 20]
    assert "sk-secret" not in log.read_text()


def test_it_is_pickled_copied_and_written_without_its_connections(endpoint, llm_of):
    llm = llm_of(temperature=0.5)
    llm.complete(ASK)
    revived = pickle.loads(pickle.dumps(llm))
    assert dict(revived) == dict(llm)
    assert revived.complete(ASK).text == "fine"
    assert endpoint.headers[1]["Authorization"] == "Bearer sk-secret"
    assert copy.deepcopy(llm) is llm
    changed = llm.model_copy(update={"temperature": 0.1})
    assert (changed.temperature, changed.usage.requests) == (0.1, 0)
    assert "sk-secret" not in repr(llm) + llm.model_dump_json()


def test_log_probabilities_are_read(llm_of):
    content = [{"token": "4", "logprob": -0.1, "top_logprobs": [{"token": "4", "logprob": -0.1},
                                                               {"token": "3", "logprob": -2.5}]}]  # fmt: skip
    found = llm_of(lambda _: completion("4", logprobs={"content": content})).complete(ASK, top_logprobs=2)
    assert found.logprobs[0].top == (("4", -0.1), ("3", -2.5))


def test_no_thread_or_task_is_left_behind(llm_of):
    llm = llm_of()
    llm.complete(ASK)
    before = threading.active_count()
    for _ in range(5):
        asyncio.run(llm.acomplete(ASK))
    assert threading.active_count() == before
