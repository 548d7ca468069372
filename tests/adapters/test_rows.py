"""Rows as verl hands them over, as samples."""

import numpy as np
import pytest
from pydantic import ValidationError

from reward_fn.adapters.rows import Row, SampleFields
from reward_fn.schema import FailureKind, RewardError

MESSAGES = [{"role": "system", "content": "Be short."}, {"role": "user", "content": "2+2?"}]


def row(**fields):
    return Row(**{"data_source": "a", "answer": "4", "ground_truth": "4", **fields})


def spoken(sample):
    return [(str(message.role), message.content) for message in sample.input]


def test_gsm8k_rows():
    """As verl's examples/data_preprocess/gsm8k.py writes them."""
    extra = {"split": "train", "index": 7, "answer": "2+2=4\n#### 4", "question": "How many are 2 and 2?"}
    sample = SampleFields().sample(row(data_source="openai/gsm8k", extra_info=extra))
    assert (sample.source, sample.unique_id) == ("openai/gsm8k", "7")
    assert spoken(sample) == [("user", "How many are 2 and 2?")]
    (output,) = sample.output
    assert output.answer.content == "4"
    assert output.answer.label == {"reference": "4"}


def test_ratings_are_digits():
    sample = SampleFields().sample(row(data_source="helpsteer2", ground_truth=3, extra_info={"index": 0}))
    assert sample.output[0].answer.label == {"reference": "3"}
    assert sample.unique_id == "0"


@pytest.mark.parametrize("messages", [MESSAGES, np.array(MESSAGES, dtype=object), tuple(MESSAGES)])
def test_chat_rows(messages):
    for fields in ({"prompt": messages}, {"extra_info": {"prompt": messages}}):
        assert spoken(SampleFields().sample(row(ground_truth=None, **fields))) == [
            ("system", "Be short."),
            ("user", "2+2?"),
        ]


@pytest.mark.parametrize(
    ("ground_truth", "label"),
    [
        ("text", {"reference": "text"}),
        (None, {}),
        (2.5, {"reference": "2.5"}),
        (True, {"reference": True}),
        (["a", "b"], {"reference": ["a", "b"]}),
        (np.array([1, 2]), {"reference": [1, 2]}),
        ({"reference": "x", "tests": np.array(["t"])}, {"reference": "x", "tests": ["t"]}),
    ],
)
def test_ground_truth_of_any_shape(ground_truth, label):
    assert SampleFields().sample(row(ground_truth=ground_truth)).output[0].answer.label == label


def test_a_mapping_finds_fields_elsewhere():
    fields = SampleFields(
        conversation="extra_info.chat",
        reference="extra_info.gold.text",
        label={"tests": "ground_truth"},
        metadata={"level": "extra_info.level"},
        task_category="extra_info.kind",
        unique_id="extra_info.id",
    )
    extra = {"chat": "Hi", "gold": {"text": "Hello"}, "level": np.int64(2), "kind": "chat", "id": 5}
    sample = fields.sample(row(ground_truth=["t1"], extra_info=extra))
    assert spoken(sample) == [("user", "Hi")]
    assert sample.output[0].answer.label == {"reference": "Hello", "tests": ["t1"]}
    assert (sample.metadata, sample.task_category, sample.unique_id) == ({"level": 2}, "chat", "5")


def test_a_named_place_that_is_missing_is_bad_input():
    with pytest.raises(RewardError, match=r"row of a has no extra_info\.gold; extra_info has \['index'\]") as error:
        SampleFields(reference="extra_info.gold").sample(row(extra_info={"index": 1}))
    assert error.value.failure.kind is FailureKind.BAD_INPUT


def test_images_are_refused_and_parts_of_text_joined():
    parts = [{"type": "text", "text": "What "}, {"type": "text", "text": "is it?"}]
    prompt = [{"role": "user", "content": parts}]
    assert spoken(SampleFields().sample(row(prompt=prompt))) == [("user", "What is it?")]
    parts.append({"type": "image_url", "image_url": {"url": "x"}})
    with pytest.raises(RewardError, match=r"prompt\[0\] holds image_url; rewards here read text only"):
        SampleFields().sample(row(prompt=prompt))


def test_a_message_without_a_role_is_bad_input():
    with pytest.raises(RewardError, match=r"prompt\[0\] is no message: its role is None"):
        SampleFields().sample(row(prompt=[{"content": "Hi"}]))


def test_a_place_that_no_row_has_is_refused():
    with pytest.raises(ValidationError, match=r"'reward\.x' is no place in a row"):
        SampleFields(label={"x": "reward.x"})


@pytest.mark.parametrize(
    ("fields", "opened"),
    [
        ({"prompt": "<|im_start|>assistant\n<think>\n"}, True),
        ({"prompt": "<|im_start|>assistant\n<think>\n\n</think>\n\n"}, False),
        ({"prompt": [*MESSAGES, {"role": "assistant", "content": "<think>\n"}]}, True),
        ({"prompt": np.array([*MESSAGES, {"role": "assistant", "content": "<think>"}], dtype=object)}, True),
        ({"prompt": [{"role": "user", "content": "Write <think>"}]}, False),
        ({"prompt": [*MESSAGES, {"role": "assistant", "content": None}]}, False),
        ({"prompt": [], "thought_opened": True}, True),
        ({"prompt": None}, False),
        ({"extra_info": {"question": "<think>"}}, False),
    ],
)
def test_a_prompt_that_opened_the_thought_is_known(fields, opened):
    """And nothing is written where it did not: the keys of caches stay as they are."""
    assert SampleFields().sample(row(**fields)).metadata == ({"thought_opened": True} if opened else {})
