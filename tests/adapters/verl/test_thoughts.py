"""Thoughts that the chat template opens, and tokenizers' marks of them, in verl's real reward workers."""

import asyncio
import json

import numpy as np
import pytest
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast
from verl.experimental.reward_loop import RewardLoopWorker
from verl_answers import MANAGER, rows

from reward_fn.adapters.rows import Row
from reward_fn.adapters.verl.scorer import scorer_of

TEMPLATE = """\
{%- for message in messages -%}
<|im_start|>{{ message.role }}
{{ message.content }}<|im_end|>
{% endfor -%}
<|im_start|>assistant
{% if thinks is defined %}{{ thinks }}{% endif %}"""
QWEN3 = "<think>", "</think>"
MAGISTRAL = "[THINK]", "[/THINK]"
EXACT = {"reward": "plugged_rewards:ExactReward"}
NO_ANSWER, WRONG, RIGHT = -1, 0, 1


def tokenizer_of(folder, marks, *, special):
    """A byte-level tokenizer like Qwen3's, with the marks of thoughts as added tokens."""
    vocabulary = {character: place for place, character in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    inner = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    inner.decoder = decoders.ByteLevel()
    made = PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<|im_end|>", pad_token="<|endoftext|>")
    made.add_tokens([AddedToken("<|im_start|>", special=True, normalized=False)], special_tokens=True)
    tokens = [AddedToken(mark, special=special, normalized=False) for mark in marks]
    made.add_tokens(tokens, special_tokens=special)
    made.chat_template = TEMPLATE
    made.save_pretrained(folder)
    made.name_or_path = str(folder)
    return made


@pytest.fixture(scope="module")
def qwen3(tmp_path_factory):
    return tokenizer_of(tmp_path_factory.mktemp("qwen3"), QWEN3, special=False)


@pytest.fixture(scope="module")
def magistral(tmp_path_factory):
    return tokenizer_of(tmp_path_factory.mktemp("magistral"), MAGISTRAL, special=True)


@pytest.fixture
def scores(verl_config):
    """Scores rows by one of verl's workers with our manager."""

    async def scored(config, data):
        return await RewardLoopWorker(config).compute_score_batch(data)

    def scores(kwargs, tokenizer, data):
        sizes = ["reward.num_workers=2", "data.train_batch_size=8", "data.max_response_length=64"]
        model = f"actor_rollout_ref.model.path={tokenizer.name_or_path}"
        outputs = asyncio.run(scored(verl_config(kwargs, model, *sizes, *MANAGER), data))
        return [output["reward_score"] for output in outputs]

    return scores


def prompt_of(tokenizer, thinks):
    messages = [{"role": "user", "content": "2 + 2?"}]
    return tokenizer.apply_chat_template(messages, tokenize=False, thinks=thinks)


@pytest.mark.parametrize("padded", ["left", "right"])
def test_a_thought_that_the_template_opened_must_be_closed(scores, qwen3, padded):
    answers = ["I add. 4<|im_end|>", "I add: 5.</think>\n4<|im_end|>", "It is 4.</think>\n5<|im_end|>", "4<|im_end|>"]
    expected = {"<think>\n": [NO_ANSWER, RIGHT, WRONG, NO_ANSWER], "": [WRONG, RIGHT, WRONG, RIGHT],
                "<think>\n\n</think>\n\n": [WRONG, RIGHT, WRONG, RIGHT]}  # fmt: skip
    for thinks, paid in expected.items():
        data = rows(qwen3, *answers, prompt=prompt_of(qwen3, thinks), padded=padded)
        assert scores(EXACT, qwen3, data) == paid


def test_a_prompt_of_several_outputs_has_no_mask_of_its_own(scores, qwen3):
    """The V1 agent loop pads prompts to the right, and its mask is that of prompt and response one after the other."""
    prompt = prompt_of(qwen3, "<think>\n")
    data = rows(qwen3, "4<|im_end|>", "so</think>4<|im_end|>", prompt=prompt, padded="right")
    data.batch["attention_mask"][:, : data.batch["prompts"].shape[1]] = 1
    data.non_tensor_batch["prompt_len"] = np.array([len(qwen3.encode(prompt))] * 2)
    assert scores(EXACT, qwen3, data) == [NO_ANSWER, RIGHT]


def test_a_thought_that_the_response_opens_is_cut_off(scores, qwen3):
    answers = ["<think>5</think>4<|im_end|>", "<think>4</think>5<|im_end|>", "<think>4<|im_end|>"]
    assert scores(EXACT, qwen3, rows(qwen3, *answers, prompt=prompt_of(qwen3, ""))) == [RIGHT, WRONG, NO_ANSWER]


def test_marks_that_are_special_tokens_stay_in_the_text(scores, magistral, tmp_path):
    ids = magistral.encode("[THINK]5[/THINK]4<|im_end|>")
    assert magistral.decode(ids, skip_special_tokens=True) == "54"
    answers = ["[THINK]5[/THINK]4<|im_end|>", "[THINK]4[/THINK]5<|im_end|>", "[THINK]4<|im_end|>", "4<|im_end|>"]
    data = rows(magistral, *answers, prompt=prompt_of(magistral, ""))
    log = {"log": {"folder": str(tmp_path)}}
    assert scores({**EXACT, **log}, magistral, data) == [RIGHT, WRONG, NO_ANSWER, RIGHT]
    data = rows(magistral, "5[/THINK]4<|im_end|>", "4<|im_end|>", prompt=prompt_of(magistral, "[THINK]"))
    assert scores({**EXACT, **log}, magistral, data) == [RIGHT, NO_ANSWER]
    lines = [json.loads(line) for file in tmp_path.iterdir() for line in file.read_text().splitlines()]
    assert [line["answer"] for line in lines if line["uid"] == "u0"] == ["[THINK]5[/THINK]4", "5[/THINK]4"]
    assert [line["thought_opened"] for line in lines if line["uid"] == "u0"] == [False, True]


def test_the_log_has_the_versions_of_all_rewards_of_the_row(scores, qwen3, tmp_path):
    parts = {"right": "plugged_rewards:ExactReward", "short": "length_penalty"}
    kwargs = {"reward": "weighted_sum", "parts": parts, "log": {"folder": str(tmp_path)}}
    scores(kwargs, qwen3, rows(qwen3, "4<|im_end|>"))
    (file,) = tmp_path.iterdir()
    versions = json.loads(file.read_text())["versions"]
    assert versions.keys() == {"weighted_sum", "exact", "length_penalty"}
    assert (versions["weighted_sum"], versions["exact"]) == (1, 2)


@pytest.mark.parametrize(("answer", "score"), [("hm</think>ab", 0), ("hm</think>abcd", 1), ("abcd", 0)])
def test_a_reference_is_not_inside_the_thought(answer, score):
    kwargs = {"reward": "plugged_rewards:LongestAnswerReward", "group": {"against_reference": True}}
    row = Row("a", answer, "abc", thought_opened=True)
    assert asyncio.run(scorer_of(kwargs).lone(row)).score == score
