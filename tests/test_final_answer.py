"""The final answer of a response, by every `read`, as model families write their responses."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from reward_fn.base import BaseRuleReward, Read, final_answer
from reward_fn.base.final_answer import opens_thought
from reward_fn.loading import load_reward
from reward_fn.registry import RewardRegistry
from reward_fn.schema import DataOutput, DataSample, RewardResult, Step

ANSWER = "It is <answer>Rome</answer>, 7 hills.\nSo \\boxed{Rome}: 2,761,632"
THOUGHT = "Maybe <answer>Paris</answer>, \\boxed{Paris}? That is 2.\nNo."

FAMILIES = {
    "DeepSeek-R1": f"<think>\n{THOUGHT}\n</think>\n\n{ANSWER}",
    "Qwen3": f"<think>\n{THOUGHT}\n</think>\n\n{ANSWER}",
    "Qwen3 without thinking": f"<think>\n\n</think>\n\n{ANSWER}",
    "a template that opened the thought": f"{THOUGHT}\n</think>\n\n{ANSWER}",
    "Magistral": f"[THINK]{THOUGHT}[/THINK]{ANSWER}",
    "gpt-oss": f"<|channel|>analysis<|message|>{THOUGHT}<|end|><|start|>assistant<|channel|>final<|message|>{ANSWER}"
    "<|return|>",
    "gpt-oss with a call": f"<|channel|>analysis<|message|>{THOUGHT}<|end|><|start|>assistant<|channel|>commentary to="
    "functions.f <|constrain|>json<|message|>{}<|call|><|start|>assistant<|channel|>analysis<|message|>Hm.<|end|>"
    f"<|start|>assistant<|channel|>final <|constrain|>json<|message|>{ANSWER}<|return|>",
    "gpt-oss without special tokens": f"analysis{THOUGHT}assistantfinal{ANSWER}",
    "gpt-oss without special tokens, in Chinese": f"analysis我们想。{THOUGHT}assistantfinal{ANSWER}",
    "Seed-OSS": f"<seed:think>\n{THOUGHT}\n</seed:think>{ANSWER}",
    "Kimi": f"◁think▷{THOUGHT}◁/think▷{ANSWER}",
    "EXAONE Deep": f"<thought>\n{THOUGHT}\n</thought>\n\n{ANSWER}",
    "Command A Reasoning": f"<|START_THINKING|>{THOUGHT}<|END_THINKING|><|START_RESPONSE|>{ANSWER}<|END_RESPONSE|>",
    "OpenThinker": f"<|begin_of_thought|>\n{THOUGHT}\n<|end_of_thought|>\n<|begin_of_solution|>{ANSWER}"
    "<|end_of_solution|>",
    "Gemma 4": f"<|channel>thought\n{THOUGHT}\n<channel|>{ANSWER}<turn|>",
    "Granite 3.2": f"Here is my thought process: {THOUGHT}\n\nHere is my response: {ANSWER}",
    "Qwen2.5 with its end token": f"{ANSWER}<|im_end|>",
    "Llama 2 with its end token": f"{ANSWER}</s>",
    "prompted reasoning": f"<reasoning>\n{THOUGHT}\n</reasoning>\n{ANSWER}",
    "prompted thinking": f"<thinking>{THOUGHT}</thinking>\n{ANSWER}\n",
    "no thought": f"\n{ANSWER} ",
}
READS = {
    "after_thought": ANSWER,
    "tag:answer": "Rome",
    "last_box": "Rome",
    "last_line": "So \\boxed{Rome}: 2,761,632",
    "last_number": "2,761,632",
    "tag:final": None,
}
UNCLOSED = {
    "Gemma 4": f"<|channel>thought\n{THOUGHT}",
    "Granite 3.2": f"Here is my thought process: {THOUGHT}",
    "<think>": f"<think>{THOUGHT}",
    "after a text": f"Let me see. <think>{THOUGHT}",
    "[THINK]": f"[THINK]{THOUGHT}",
    "gpt-oss": f"<|channel|>analysis<|message|>{THOUGHT}",
    "gpt-oss, cut off": f"<|channel|>analysis<|message|>{THOUGHT}<|end|><|start|>assistant<|channel|>commentary",
    "gpt-oss without special tokens": f"analysis{THOUGHT}",
    "Seed-OSS": f"<seed:think>{THOUGHT}",
    "Kimi": f"◁think▷{THOUGHT}",
    "Command A Reasoning": f"<|START_THINKING|>{THOUGHT}",
    "a second thought": f"<think>a</think>Rome<think>{THOUGHT}",
    "another family's mark": f"<think>{THOUGHT}</reasoning>{ANSWER}",
    "a quoted mark": f'<think>{THOUGHT} I must write `</think>` or "</think>" first.',
}


@pytest.mark.parametrize("family", FAMILIES)
def test_the_thought_of_every_family_is_cut_off_for_every_read(family):
    response = FAMILIES[family]
    assert {read: final_answer(response, read) for read in READS} == READS
    assert final_answer(response, "whole") == response


@pytest.mark.parametrize("opened", [False, True])
@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize("response", UNCLOSED)
def test_a_thought_that_is_not_closed_has_no_answer(response, read, opened):
    assert final_answer(UNCLOSED[response], read, thought_opened=opened) is None


@pytest.mark.parametrize("read", READS)
def test_where_the_prompt_opened_the_thought_a_response_without_a_closing_mark_is_all_thought(read):
    assert final_answer(ANSWER, read, thought_opened=True) is None
    assert final_answer(f"{THOUGHT}</think>{ANSWER}", read, thought_opened=True) == READS[read]
    assert final_answer(f"<think>{THOUGHT}</think>{ANSWER}", read, thought_opened=True) == READS[read]


FENCED = "```python\nprint('</think>')\nprint(\"a </think> b\")\n```"
EXAMPLE = "Write so:\n```\n<think>\nhm\n</think>\nRome\n```"


@pytest.mark.parametrize(
    ("response", "opened", "answer"),
    [
        (FENCED, False, FENCED),
        (f"<think>hm</think>\n{FENCED}", False, FENCED),
        (f"hm</think>\n{FENCED}", True, FENCED),
        ("<think>\n```python\nprint('</think>')\n```\nhm</think>\nRome", False, "Rome"),
        ("<think>\n```python\nx = 1\n</think>\nRome", False, "Rome"),
        ("<think>\n```python\nx = 1\n```</think>\nRome", False, "Rome"),
        ("Let me try:\n```python\nx = 1\n</think>\nRome", False, "Rome"),
        ("~~~ a`b\n<think>\n~~~\nRome", False, "~~~ a`b\n<think>\n~~~\nRome"),
        (EXAMPLE, False, EXAMPLE),
        (f"<think>hm</think>{EXAMPLE}", False, EXAMPLE),
        ("print('</think>')", False, "print('</think>')"),
        ("The tag `<think>` opens it.", False, "The tag `<think>` opens it."),
        ("Use \u201c<think>\u201d and \"</think>\".", False, "Use \u201c<think>\u201d and \"</think>\"."),
        ('{"x": "say \\"<think>\\""}', False, '{"x": "say \\"<think>\\""}'),
        ("<think>I end by '</think>'. Done.</think>Rome", False, "Rome"),
        ("<think>a</think>Paris<think>b</think>Rome", False, "Rome"),
        ("<think>a<think>b</think>c</think>Rome", False, "Rome"),
        ("<think>I could use <reasoning>x</reasoning></think>Rome", False, "Rome"),
        ("<think>a</think><reasoning>b</reasoning>Rome", False, "Rome"),
        ("<think></think>", False, ""),
        ("</think>", True, ""),
        ("", False, ""),
        ("", True, None),
        ("analysis of Rome", False, "analysis of Rome"),
        ("analysis: it is Rome", False, "analysis: it is Rome"),
        ("analysiswe thinkassistantfinalRome", False, "Rome"),
    ],
)  # fmt: skip
def test_a_mark_is_a_mark_only_where_no_text_is_about_it(response, opened, answer):
    assert final_answer(response, thought_opened=opened) == answer


@pytest.mark.parametrize(
    ("response", "read", "answer"),
    [
        ("<answer>a</answer> or <answer> b\n</answer> ok", "tag:answer", "b"),
        ("<answer>a</answer> or <answer>b", "tag:answer", "a"),
        ("</answer><answer>", "tag:answer", None),
        ("<answer></answer>", "tag:answer", ""),
        ("<final_answer>b</final_answer>", "tag:answer", None),
        ("<a.b>c</a.b>", "tag:a.b", "c"),
        (r"\boxed{1} then \boxed{\frac{1}{2}} and \boxed{3", "last_box", r"\frac{1}{2}"),
        (r"\boxed {\{1, 2\}}", "last_box", r"\{1, 2\}"),
        (r"\\boxed{2}", "last_box", "2"),
        (r"\fbox{\boxed{3}}", "last_box", r"\boxed{3}"),
        (r"{ \boxed{4} ", "last_box", "4"),
        (r"\boxed{}", "last_box", ""),
        ("a\n b \n\n\t\n", "last_line", "b"),
        ("\n \n", "last_line", None),
        ("3-5", "last_number", "5"),
        ("It is -5.", "last_number", "-5"),
        ("$1,234.50", "last_number", "1,234.50"),
        ("1,2,3", "last_number", "3"),
        ("x2 or .5", "last_number", ".5"),
        ("v1", "last_number", None),
    ],
)
def test_the_last_part_of_its_kind_is_the_answer(response, read, answer):
    assert final_answer(response, read) == answer


@pytest.mark.parametrize(
    ("prompt", "opens"),
    [
        ("<|Assistant|><think>\n", True),
        ("[THINK]", True),
        ("<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|><|START_THINKING|>", True),
        ("[|assistant|]<thought>\n", True),
        ("<|start|>assistant<|channel|>analysis<|message|>", True),
        ("<|im_start|>assistant\n<think>\n\n</think>\n\n", False),
        ("<|im_start|>assistant\n", False),
        ("Write <think> first.", False),
        ("", False),
    ],
)
def test_a_prompt_opens_the_thought_if_it_ends_with_the_mark(prompt, opens):
    assert opens_thought("long " * 50 + prompt) is opens


@pytest.mark.parametrize("read", ["", "all", "tag", "tag:", "tag:<a>", "tag:a b", "tag:/a", "Whole"])
def test_a_read_that_is_none_is_refused(read):
    with pytest.raises(ValidationError, match="is not a part of a response; write one of whole, after_thought"):
        TypeAdapter(Read).validate_python(read)


def test_a_misspelt_read_is_no_other_read():
    with pytest.raises(ValueError, match="'last_word' is not a part of a response"):
        final_answer("text", "last_word")


MARKS = [
    "<think>", "</think>", "[THINK]", "[/THINK]", "<thought>", "</thought>", "<|channel|>analysis", "<|channel|>final",
    "<|message|>", "analysis", "assistantfinal", "```", "```python", "~~~", "`", '"', "'", "\n", " ", "\\boxed{", "}",
    "{", "\\", "<answer>", "</answer>", "1", ",", ".", "-", "Rome", "\ud800", "\u2028",
]  # fmt: skip
TEXTS = st.lists(st.sampled_from(MARKS) | st.text(max_size=3), max_size=30).map("".join)


@given(TEXTS, st.sampled_from(["whole", *READS]), st.booleans())
def test_the_answer_of_any_text_is_a_part_of_it_or_none(text, read, opened):
    answer = final_answer(text, read, thought_opened=opened)
    assert answer is None or answer in text
    if read != "whole":
        assert answer is None or answer == answer.strip()
    if read not in ("whole", "after_thought") and answer is not None:
        rest = final_answer(text, thought_opened=opened)
        assert rest is not None and answer in rest


@given(TEXTS)
def test_what_follows_a_closed_thought_is_read_like_a_response_without_one(text):
    if not any(mark in text for mark in ("think>", "THINK]", "thought>", "<|channel|>")):
        expected = final_answer(text) if not text.strip().startswith("analysis") else text.strip()
        assert final_answer(f"<think>hm</think>{text}") == expected


MEGABYTE = 2**20


@pytest.mark.parametrize(
    ("unit", "read"),
    [
        *((unit, "after_thought") for unit in (
            "<think>", "</think>", "</think>\n", "`</think>`", "[THINK]", "<|channel|>analysis", "<|channel|>final  ",
            "analysis", "assistantfinal", "`", "~", " ", "\n", "\n   ", "```\n", "```\n</think>\n", "~~~`\n",
            "<", "[",
        )),
        *((unit, "tag:answer") for unit in ("<answer>", "</answer>", "<answer>1</answer>")),
        *((unit, "last_box") for unit in (
            "\\",
            "\\\\boxed", "\\boxed{", "\\boxed{1}", "\\boxed{1}{", "\\boxed{\\fbox{1}}", "\\boxed  ", "{", "}", "\\{",
        )),
        *((unit, "last_number") for unit in ("1", "1,", "1,111", "1.1", ".", "-", "1 ")),
        *((unit, "last_line") for unit in ("a\n", "\n", "\u2028")),
    ],
)  # fmt: skip
@pytest.mark.parametrize("start", ["", "```\n</think>", "<think>x</think>~~~\n"])
def test_a_megabyte_of_anything_takes_linear_time(unit, read, start):
    text = start + unit * (MEGABYTE // len(unit)) + "`"
    began = time.process_time()
    final_answer(text, read)
    # It takes 1 s at most where it was measured; quadratic time would be minutes.
    assert time.process_time() - began < 10


# Where the final answer stands, for rules.

WRONG = "<think>Maybe Paris. No, Rome.</think><answer>Rome</answer>"
RIGHT = "<think>Maybe Rome. No, Paris.</think><answer>Paris</answer>"
PATCH = "```diff\n+x\n```"
CODE = "```python\nx = 1\n```"


def scored(described, response, reference="Paris", **metadata) -> RewardResult:
    answer = DataOutput(answer=Step(content=response, label={"reference": reference}))
    (result,) = load_reward(described).score(DataSample(output=[answer], metadata=metadata))
    return result


@pytest.mark.parametrize(
    "described",
    [
        {"reward": "accuracy"},
        {"reward": "string_match", "mode": "exact"},
        {"reward": "string_match", "mode": "contains"},
        {"reward": "string_match", "mode": "prefix"},
        {"reward": "string_match", "mode": "suffix"},
        {"reward": "f1_score"},
        {"reward": "bleu"},
        {"reward": "chrf"},
        {"reward": "rouge"},
        {"reward": "regex_match", "pattern": "Paris", "read": "tag:answer"},
        {"reward": "regex_match", "pattern": "Paris", "mode": "search", "read": "tag:answer"},
    ],
    ids=lambda described: "-".join(map(str, described.values())),
)
def test_with_the_answers_tag_the_right_answer_is_paid_and_the_wrong_one_is_not(described):
    one = {"read": "tag:answer", **described}
    assert scored(one, RIGHT).score == pytest.approx(1)
    assert scored(one, WRONG).score == pytest.approx(0, abs=0.2 if described["reward"] == "chrf" else 1e-9)
    assert scored(one, "<think>It is Paris. <answer>Paris</answer>").score == 0
    assert scored(one, "Paris").score == 0


BY_DEFAULT = {
    # reward: (fields, reference, a right answer, one that is worth less)
    "accuracy": ({}, "Paris", "Paris", "Rome"),
    "string_match": ({"mode": "contains"}, "Paris", "It is Paris", "It is Rome"),
    "f1_score": ({}, "Paris", "Paris", "Rome"),
    "bleu": ({}, "Paris", "Paris", "Rome"),
    "chrf": ({}, "Paris", "Paris", "Rome"),
    "rouge": ({}, "Paris", "Paris", "Rome"),
    "number_accuracy": ({}, "7", "It is 7", "It is 5"),
    "json_schema": ({"json_schema": {"required": ["name"]}}, None, '{"name":"x"}', "{}"),
    "code_syntax_check": ({}, None, CODE, "```python\nx = (\n```"),
    "code_style": ({}, None, CODE, "```python\ncamelCase = 1\n```"),
    "code_patch_similarity": ({}, "+x", PATCH, "```diff\n+y\n```"),
    "privacy_leakage": ({}, None, "fine", "ann@example.com"),
}


@pytest.mark.parametrize("name", BY_DEFAULT)
def test_matches_code_json_and_privacy_look_at_what_follows_the_thought(name):
    fields, reference, right, wrong = BY_DEFAULT[name]
    one = {"reward": name, **fields}
    best, worst = scored(one, right, reference).score, scored(one, wrong, reference).score
    assert worst < best
    assert scored(one, f"<think>{wrong}</think>\n{right}", reference).score == best
    assert scored(one, f"<think>{right}</think>\n{wrong}", reference).score == worst
    assert scored(one, f"{wrong}\n</think>\n{right}", reference, thought_opened=True).score == best


@pytest.mark.parametrize("name", [*BY_DEFAULT, "regex_match"])
def test_without_an_answer_the_score_is_on_unreadable_by_default_the_lowest(name):
    fields, reference, right, _ = BY_DEFAULT.get(name, ({"pattern": ".*", "read": "after_thought"}, None, "x", ""))
    one = {"reward": name, **fields}
    low = load_reward(one).score_range[0]
    for response, metadata in ((f"<think>{right}", {}), (right, {"thought_opened": True})):
        result = scored(one, response, reference, **metadata)
        assert result.score == (low if low > float("-inf") else 0.0)
        assert result.details[0].reason.startswith("unreadable: no final answer (read=after_thought)")
        assert result.extra_data == {"unreadable": True}
        assert scored({**one, "on_unreadable": -2.5}, response, reference, **metadata).score == -2.5
    assert scored({**one, "thought_opened": True}, right, reference).score == result.score


@pytest.mark.parametrize(
    ("described", "response", "score"),
    [
        ({"reward": "json_schema", "json_schema": {"required": ["name"]}}, '<think>a</think>\n{"name":"x"}', 1),
        ({"reward": "reasoning_format"}, "<think>a</think><answer>b</answer>", 1),
        ({"reward": "reasoning_tool_call_format"}, "<think>a</think><answer>b</answer>", 1),
        ({"reward": "length_penalty", "max_length": 20}, f"<think>{'a' * 20}</think>b", -0.16),
        ({"reward": "length_penalty", "min_length": 1, "read": "after_thought"}, f"<think>{'a' * 2000}</think>b", 0),
        ({"reward": "ngram_repetition_penalty", "n": 1, "penalty_threshold": 0}, "<think>a a</think> b", -2 / 5),
        ({"reward": "regex_match", "pattern": "<think>.*</think>\\d"}, "<think>a</think>7", 1),
        ({"reward": "regex_match", "pattern": "\\d", "read": "after_thought"}, "<think>a</think>7", 1),
    ],
)
def test_format_length_repetition_and_patterns_look_at_all_of_the_response(described, response, score):
    assert scored(described, response, None).score == pytest.approx(score)


@pytest.mark.parametrize("score", [float("nan"), float("inf"), "low"])
def test_on_unreadable_is_a_finite_number(score):
    with pytest.raises(ValidationError, match="on_unreadable"):
        RewardRegistry.get("accuracy")(on_unreadable=score)


def test_a_rule_of_ones_own_reads_the_answer_in_a_line():
    class Shout(BaseRuleReward):
        name: str = "shout"

        def _evaluate(self, sample, **kwargs):
            return RewardResult.of(self.name, float(self._answer(sample).isupper()))

    texts = ["<think>x</think>YES", "<think>YES</think>no", "<think>YES"]
    sample = DataSample(output=[DataOutput(answer=Step(content=text)) for text in texts])
    assert [result.score for result in Shout(on_unreadable=-1).score(sample)] == [1, 0, -1]


@pytest.mark.parametrize(
    ("response", "content"),
    [
        ("<answer>a</answer>b</answer>", "a"),
        ("<answer>a</answer> in <answer> tags", "a"),
        ("first <answer>a</answer>, then <answer>b</answer>.", "b"),
        ("I write <answer> and then <answer>a</answer>", "a"),
        ("</answer>a<answer>", None),
    ],
)
def test_the_last_closed_pair_of_tags_counts(response, content):
    assert final_answer(response, "tag:answer") == content
