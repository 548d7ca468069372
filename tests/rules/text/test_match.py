"""A right answer stands in an answer, or not."""

import pytest

from reward_fn.schema import FailureKind


@pytest.mark.parametrize(
    ("answer", "reference", "fields", "score"),
    [
        (" Paris\n", "Paris", {}, 1),
        ("paris", "Paris", {}, 0),
        ("paris", "Paris", {"ignore_case": True}, 1),
        ("STRASSE", "straße", {"ignore_case": True}, 1),
        ("New   York", "New York", {}, 1),
        ("New   York", "New York", {"ignore_whitespace": False}, 0),
        ("Paris.", "Paris", {}, 0),
        ("Paris.", "Paris", {"ignore_punctuation": True}, 1),
        ("It is Paris", "Paris", {"mode": "suffix"}, 1),
        ("Paris it is", "Paris", {"mode": "prefix"}, 1),
        ("Is Paris it?", "Paris", {"mode": "contains"}, 1),
        ("Is London it?", ["Paris", "London"], {"mode": "contains"}, 1),
        ("", "Paris", {"mode": "contains"}, 0),
    ],
)
def test_the_reference_stands_where_it_is_asked_for(scored, answer, reference, fields, score):
    assert scored("string_match", answer, reference, **fields).score == score


@pytest.mark.parametrize("reference", ["", " ", [], ["a", 3], 5, None])
def test_a_reference_that_all_answers_match_or_that_is_no_text_is_a_failure(scored, reference):
    assert scored("string_match", "x", reference, mode="contains").failure.kind is FailureKind.BAD_INPUT


def test_accuracy_is_exact_but_for_white_space_around(scored):
    assert scored("accuracy", " 42 ", "42").score == 1
    assert scored("accuracy", "42.0", "42").score == 0
    assert scored("accuracy", "").failure.kind is FailureKind.BAD_INPUT
