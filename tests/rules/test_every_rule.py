"""What every rule of the gallery promises, for any text."""

import asyncio
import pickle
import time
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reward_fn.base import BaseReward
from reward_fn.gallery import GALLERY
from reward_fn.registry import RewardRegistry
from reward_fn.schema import DataOutput, DataSample, FailureKind, Step

FIELDS = {
    "json_schema": {"json_schema": {"type": "object"}},
    "regex_match": {"pattern": "a+"},
}
"""Fields of the rules that cannot be without them."""

RULES = [name for name, place in GALLERY.items() if place.startswith("reward_fn.rules.")]
IN_PROCESS = [name for name in RULES if RewardRegistry.get(name).cost in ("cheap", "heavy")]

ODD_TEXTS = [
    "", " ", "\x00", "\ud800", "None", "<|endoftext|>", "1e400", "-" * 300, "[" * 3000, "{" * 3000,
    "<think></think>", "```python\n```", "\u202e", "٣", "\U0001d7d9", "a\u0301",
]  # fmt: skip

MEGABYTE = 2**20
LARGE_TEXTS = {
    "a letter": "a" * MEGABYTE,
    "addresses": "a." * (MEGABYTE // 2),
    "ats": "a@" * (MEGABYTE // 2),
    "open tags": "<think>" * (MEGABYTE // 7),
    "nested tags": "<think>" * (MEGABYTE // 15) + "</think>" * (MEGABYTE // 15),
    "tool calls": "<think>x</think>" + '<tool_call>{"name": "f", "arguments": {}}</tool_call>' * (MEGABYTE // 53),
    "digits": "1" * MEGABYTE,
    "phones": "+1 415 555 2671 " * (MEGABYTE // 16),
    "numbers": "+1,234.5e6 " * (MEGABYTE // 11),
    "fences": "```python\n" * (MEGABYTE // 10),
    "brackets": "[" * MEGABYTE,
    "backslashes": "\\" * MEGABYTE,
    "spaces": " " * MEGABYTE,
    "lines": "\n" * MEGABYTE,
    "words": "the quick brown fox " * (MEGABYTE // 20),
    "chinese": "中文" * (MEGABYTE // 6),
}


@cache
def rule(name: str) -> BaseReward:
    return RewardRegistry.get(name)(**FIELDS.get(name, {}))


def sample_of(*answers: object, reference: object = "a right answer of 42") -> DataSample:
    return DataSample(
        output=[DataOutput(answer=Step(content=text, label={"reference": reference})) for text in answers]
    )


def comparable(sample: DataSample) -> list[tuple[float | None, FailureKind | None]]:
    rewards = [output.answer.reward for output in sample.output]
    return [(reward.score, reward.failure and reward.failure.kind) for reward in rewards]


@pytest.mark.parametrize("name", IN_PROCESS)
@settings(max_examples=40, deadline=None)
@given(st.lists(st.text() | st.sampled_from(ODD_TEXTS), min_size=1, max_size=3), st.text() | st.sampled_from(ODD_TEXTS))
def test_any_text_gets_a_score_in_range_or_a_typed_failure(name, answers, reference):
    reward, sample = rule(name), sample_of(*answers, reference=reference)
    low, high = reward.score_range
    for result in reward.score(sample):
        assert (result.score is None) != (result.failure is None)
        if result.failure:
            assert result.failure.kind is not FailureKind.CRASH, result.failure.detail
        else:
            assert low <= result.score <= high
            assert [part.name for part in result.details] == list(reward.part_names)


@pytest.mark.parametrize("name", IN_PROCESS)
@settings(max_examples=10, deadline=None)
@given(st.permutations(["", "a", "a right answer of 42", "<think>x</think> 42", "```py\nx = 1\n```"]))
def test_scores_follow_their_answers_whatever_the_order_and_the_door(name, answers):
    reward = rule(name)
    alone = [comparable(reward.evaluate(sample_of(text)))[0] for text in answers]
    together = reward.evaluate(sample_of(*answers))
    assert comparable(together) == alone
    assert comparable(reward.evaluate(together)) == alone
    assert comparable(asyncio.run(reward.aevaluate(sample_of(*answers)))) == alone
    batch = reward.evaluate_batch([sample_of(text) for text in answers])
    assert [comparable(sample)[0] for sample in batch] == alone


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("content", [None, 5, ["part"], {"text": "x"}])
def test_an_answer_that_is_no_text_is_bad_input(name, content):
    ((_, kind),) = comparable(rule(name).evaluate(sample_of(content)))
    assert kind is FailureKind.BAD_INPUT


@pytest.mark.parametrize("name", RULES)
def test_an_empty_answer_is_no_match_for_a_missing_reference(name):
    sample = DataSample(output=[DataOutput(answer=Step(content=""))])
    (result,) = rule(name).score(sample)
    assert result.failure is not None or result.score < 1.0 or rule(name).score_range[1] <= 0.0


@pytest.mark.parametrize("name", IN_PROCESS)
@pytest.mark.parametrize("text", LARGE_TEXTS)
def test_a_megabyte_of_adversarial_text_takes_no_time(name, text):
    sample = sample_of(LARGE_TEXTS[text])
    began = time.process_time()
    rule(name).score(sample)
    # It takes 0.2 s at most where it was measured; the bound leaves room for slow machines.
    assert time.process_time() - began < 2


@pytest.mark.parametrize("name", RULES)
def test_a_rule_survives_a_copy_to_another_process(name):
    assert pickle.loads(pickle.dumps(rule(name))) == rule(name)
