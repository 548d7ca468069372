"""The right answers of a sample, and how a row that has none is named."""

import math

import pytest

from reward_fn.base import UnreadableResponseError
from reward_fn.rules.references import bad_reference, references, refuse_long
from reward_fn.schema import DataOutput, DataSample, FailureKind, RewardError, Step


def sample_of(reference, **fields):
    return DataSample(output=[DataOutput(answer=Step(label={"reference": reference}))], **fields)


@pytest.mark.parametrize(
    ("given", "texts"),
    [
        ("Paris", ["Paris"]),
        ("", [""]),
        (18, ["18"]),
        (-0.5, ["-0.5"]),
        (1e22, ["1e+22"]),
        ([10**400], [str(10**400)]),
        (["Paris", 18, 0.5], ["Paris", "18", "0.5"]),
        (("1/2", 0.5), ["1/2", "0.5"]),
    ],
)
def test_texts_and_numbers_and_lists_of_them_are_references(given, texts):
    assert references(sample_of(given)) == texts


@pytest.mark.parametrize(
    ("given", "detail"),
    [
        (None, "the label's reference is missing"),
        ([None], "the label's reference is missing"),
        ([], "the label's reference is an empty list"),
        (True, "the label's reference is bool, not a text or a finite number, or a list of them"),
        ({"a": 1}, "the label's reference is dict, not a text or a finite number, or a list of them"),
        ([["a"]], "the label's reference is list, not a text or a finite number, or a list of them"),
        (math.nan, "the label's reference is nan, not a text or a finite number, or a list of them"),
        ([10**5000], "the label's reference is int, not a text or a finite number, or a list of them"),
        ("too long", "the reference has 8 characters, and max_characters is 7"),
        (["a", 12345678], "the reference has 8 characters, and max_characters is 7"),
    ],
)
def test_what_is_none_is_the_failure_of_the_row(given, detail):
    with pytest.raises(RewardError) as caught:
        references(sample_of(given, unique_id="3"), max_characters=7)
    assert caught.value.failure.kind is FailureKind.BAD_INPUT
    assert caught.value.failure.detail == f"row 3: {detail}"


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"unique_id": "17", "source": "openai/gsm8k"}, "row 17 of openai/gsm8k: "),
        ({"unique_id": "17"}, "row 17: "),
        ({"source": "openai/gsm8k"}, "a row of openai/gsm8k: "),
        ({}, ""),
    ],
)
def test_a_row_is_named_by_what_is_known_of_it(fields, place):
    assert bad_reference(sample_of("x", **fields), "no.").failure.detail == f"{place}no."


def test_a_response_that_is_too_long_is_unreadable():
    refuse_long("abc", 3)
    with pytest.raises(UnreadableResponseError, match="the patch has 1,001 characters, and max_characters is 1,000"):
        refuse_long("a" * 1001, 1000, "the patch")
