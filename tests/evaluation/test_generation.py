import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rm_train.evaluation.generation import (
    BATCH_TOKENS,
    PromptTooLongError,
    batches,
    encode_prompts,
    greedy_answers,
    prompts_that_fit,
)
from rm_train.evaluation.models import load_judge, resolve_dtype


@pytest.fixture(scope="module")
def judge(tiny_model):
    return load_judge(str(tiny_model), "float32", "cpu")


@pytest.fixture
def prompts(verl_rows):
    return [row["prompt"] for row in verl_rows(9)] + [[{"role": "user", "content": "Hi"}]]


def plain_greedy(model, tokenizer, prompt, limit):
    """One token at a time, without a cache, padding or a batch."""
    tokens = encode_prompts(tokenizer, [prompt])[0]
    start = len(tokens)
    while len(tokens) - start < limit:
        with torch.inference_mode():
            tokens = [*tokens, int(model(torch.tensor([tokens])).logits[0, -1].argmax())]
        if tokens[-1] == tokenizer.eos_token_id:
            break
    return tokens[start:]


def test_batches_give_what_one_prompt_alone_gives_in_order(judge, prompts):
    model, tokenizer = judge
    seen = []
    answers = greedy_answers(
        model, tokenizer, prompts, max_new_tokens=12, batch_size=4, progress=lambda *done: seen.append(done)
    )
    for prompt, answer in zip(prompts, answers, strict=True):
        tokens = plain_greedy(model, tokenizer, prompt, 12)
        assert answer.text == tokenizer.decode(tokens, skip_special_tokens=True)
        assert answer.tokens == len(tokens)
        assert answer.cut == (tokens[-1] != tokenizer.eos_token_id)
    assert seen == [(4, 10), (8, 10), (10, 10)]


@given(st.lists(st.integers(1, 2 * BATCH_TOKENS)), st.integers(1, 64), st.integers(1, 4096))
def test_every_prompt_runs_once_and_a_batch_has_bounds(lengths, batch_size, answer):
    found = list(batches(lengths, batch_size, answer))
    assert sorted(position for batch in found for position in batch) == list(range(len(lengths)))
    for batch in found:
        padded = len(batch) * (max(lengths[position] for position in batch) + answer)
        assert len(batch) == 1 or (len(batch) <= batch_size and padded <= BATCH_TOKENS)


def test_the_end_token_ends_an_answer_and_is_not_part_of_it(judge, prompts):
    model, tokenizer = judge
    first = plain_greedy(model, tokenizer, prompts[0], 5)
    own = model.generation_config.eos_token_id
    # Whatever the random model says third becomes another end: chat models have more than one.
    model.generation_config.eos_token_id = [own, first[2]]
    try:
        answer = greedy_answers(model, tokenizer, prompts[:2], max_new_tokens=5)[0]
    finally:
        model.generation_config.eos_token_id = own
    length = first.index(first[2]) + 1
    assert (answer.tokens, answer.cut) == (length, False)
    assert answer.text == tokenizer.decode(first[: length - 1], skip_special_tokens=True)


def test_sampling_settings_in_the_model_folder_do_not_count(judge, prompts):
    model, tokenizer = judge
    plain = greedy_answers(model, tokenizer, prompts[:3], max_new_tokens=8)
    own = model.generation_config
    own.do_sample, own.temperature, own.repetition_penalty, own.max_length = True, 5.0, 9.0, 3
    try:
        assert greedy_answers(model, tokenizer, prompts[:3], max_new_tokens=8) == plain
        assert model.generation_config is own and own.temperature == 5.0
    finally:
        own.do_sample, own.temperature, own.repetition_penalty, own.max_length = False, None, None, None


def test_a_prompt_longer_than_the_context_is_named(judge, prompts):
    model, tokenizer = judge
    prompts[1] = [{"role": "user", "content": "long " * 600}]
    with pytest.raises(
        PromptTooLongError, match=r"row 41: the prompt has \d+ tokens.*context of 512 \(1 of 10"
    ) as info:
        greedy_answers(model, tokenizer, prompts, names=[f"row {40 + i}" for i in range(10)], max_new_tokens=4)
    assert info.value.positions == (1,)
    assert prompts_that_fit(model, tokenizer, prompts, 4) == [0, *range(2, 10)]


def test_no_prompts_no_answers_and_limits_are_positive(judge):
    assert greedy_answers(*judge, [], max_new_tokens=4) == []
    for limits in ({"max_new_tokens": 0}, {"batch_size": 0}):
        with pytest.raises(ValueError, match="at least 1"):
            greedy_answers(*judge, [], **limits)


def test_a_tokenizer_without_a_chat_template_is_refused(judge, prompts):
    model, tokenizer = judge
    template, tokenizer.chat_template = tokenizer.chat_template, None
    try:
        with pytest.raises(ValueError, match="chat template"):
            greedy_answers(model, tokenizer, prompts)
    finally:
        tokenizer.chat_template = template


def test_dtype_is_stated():
    assert (resolve_dtype("auto", "cpu"), resolve_dtype("auto", "cuda")) == ("float32", "bfloat16")
    assert resolve_dtype("bfloat16", "cpu") == "bfloat16"
    with pytest.raises(ValueError, match="float16"):
        resolve_dtype("float16", "cpu")
