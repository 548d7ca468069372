"""Thoughts first, then the answer or tool calls, and nothing else."""

import time

import pytest
from pydantic import ValidationError

from reward_fn.loading import RewardConfigError, load_reward
from reward_fn.registry import RewardRegistry
from reward_fn.rules.format.reasoning import ReasoningFormatReward, ReasoningToolCallFormatReward
from reward_fn.schema import DataOutput, DataSample, Step

CALL = '<tool_call>{"name": "f", "arguments": {"x": 1}}</tool_call>'


@pytest.mark.parametrize(
    "answer", ["<think>a</think><answer>b</answer>", " \n<think>a\nb</think>\n\n<answer> <b>c</b> </answer>\n"]
)
def test_one_thought_and_then_one_answer_keep_the_format(scored, answer):
    assert scored("reasoning_format", answer).score == 1


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("", "found none"),
        ("<answer>b</answer><think>a</think>", "found <answer> <think>"),
        ("<think>a</think>", "found <think>"),
        ("<think>a</think><answer>b</answer><answer>c</answer>", "found <think> <answer> <answer>"),
        ("<think>a<answer>b</answer></think>", "<answer> is inside <think>"),
        ("<think>a<think>b</think></think><answer>c</answer>", "<think> is inside <think>"),
        ("<think>a</think><answer>b", "<answer> is not closed"),
        ("a</think><answer>b</answer>", "</think> is not opened"),
        ("<think> </think><answer>b</answer>", "<think> is empty"),
        ("<think>a</think><answer>\n</answer>", "<answer> is empty"),
        ("<think>a</think>so<answer>b</answer>", "text stands outside the tags"),
        ("<Think>a</Think><answer>b</answer>", "found <answer>"),
    ],
)
def test_every_fault_is_named(scored, answer, reason):
    result = scored("reasoning_format", answer)
    assert result.score == 0 and reason in result.details[0].reason


def test_text_around_and_other_tags_may_be_allowed(scored):
    text = "So: <thought.*>a</thought.*> hence <final>b</final>."
    names = {"think_token": "thought.*", "answer_token": "final"}
    assert scored("reasoning_format", text, **names).score == 0
    assert scored("reasoning_format", text, allow_text_around=True, **names).score == 1
    with pytest.raises(ValidationError, match="is no name of a tag: write the word"):
        ReasoningFormatReward(think_token="<think>")


@pytest.mark.parametrize("name", ["reasoning_format", "reasoning_tool_call_format"])
def test_the_prompt_may_have_opened_the_thought(scored, name):
    assert scored(name, "a</think><answer>b</answer>", thought_opened=True).score == 1
    twice = scored(name, "<think>a</think><answer>b</answer>", thought_opened=True)
    assert twice.score == 0 and "<think> is inside <think>" in twice.details[0].reason
    assert "<think> is empty" in scored(name, " </think><answer>b</answer>", thought_opened=True).details[0].reason


@pytest.mark.parametrize("name", ["reasoning_format", "reasoning_tool_call_format"])
def test_a_sample_may_say_that_its_prompt_has_opened_the_thought(name):
    answer = DataOutput(answer=Step(content="a</think><answer>b</answer>"))
    samples = [DataSample(output=[answer], metadata={"thought_opened": opened}) for opened in (True, False, "yes")]
    assert [RewardRegistry.get(name)().score(sample)[0].score for sample in samples] == [1, 0, 0]


@pytest.mark.parametrize("name", ["reasoning_format", "reasoning_tool_call_format", "ngram_repetition_penalty"])
def test_the_old_name_of_thought_opened_is_accepted(name):
    assert load_reward({"reward": name, "think_prefilled": True}) == RewardRegistry.get(name)(thought_opened=True)
    with pytest.raises(RewardConfigError, match="write only the new one"):
        load_reward({"reward": name, "think_prefilled": True, "thought_opened": True})


def test_tags_that_are_the_same_are_refused():
    with pytest.raises(ValidationError, match="the tags x, x must differ"):
        ReasoningFormatReward(think_token="x", answer_token="x")
    with pytest.raises(ValidationError, match="the tags think, answer, answer must differ"):
        ReasoningToolCallFormatReward(tool_call_token="answer")
    with pytest.raises(ValidationError, match="is no name of a tag"):
        ReasoningToolCallFormatReward(tool_call_token="tool call")


@pytest.mark.parametrize("answer", ["<answer>b</answer>", CALL, f"{CALL}\n{CALL}"])
def test_tool_calls_may_stand_in_for_an_answer(scored, answer):
    assert scored("reasoning_tool_call_format", f"<think>a</think>\n{answer}").score == 1


@pytest.mark.parametrize(
    ("rest", "reason"),
    [
        ("", "found <think>"),
        (f"<answer>b</answer>{CALL}", "found <think> <answer> <tool_call>"),
        (f"{CALL}<think>c</think>", "found <think> <tool_call> <think>"),
        (f"{CALL} and {CALL}", "text stands outside"),
        ("<tool_call>{</tool_call>", "not JSON"),
        ('<tool_call>{"name": "f", "arguments": NaN}</tool_call>', "not JSON: NaN is not JSON"),
        ('<tool_call>["name", "arguments"]</tool_call>', "not a JSON object"),
        ('<tool_call>"name arguments"</tool_call>', "not a JSON object"),
        ("<tool_call>5</tool_call>", "not a JSON object"),
        ("<tool_call>null</tool_call>", "not a JSON object"),
        ('<tool_call>{"arguments": {}}</tool_call>', "has no name"),
        ('<tool_call>{"name": 3, "arguments": {}}</tool_call>', "has no name"),
        ('<tool_call>{"name": "f"}</tool_call>', "has no arguments"),
        (f"<tool_call>{'[' * 100_000}</tool_call>", "not JSON"),
        (f"{CALL}<tool_call> </tool_call>", "<tool_call> is empty"),
    ],
)
def test_every_fault_of_a_tool_call_is_named(scored, rest, reason):
    result = scored("reasoning_tool_call_format", f"<think>a</think>{rest}")
    assert result.score == 0 and reason in result.details[0].reason


def test_the_time_grows_with_the_length_and_not_with_its_powers(scored):
    began = time.process_time()
    assert scored("reasoning_tool_call_format", "<think>a</think>" + CALL * 5000 + "x").score == 0
    assert time.process_time() - began < 2
