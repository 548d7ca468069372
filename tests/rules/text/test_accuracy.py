"""The answer is the reference, or it is not."""

import pytest

from reward_fn.schema import FailureKind


@pytest.mark.parametrize(
    ("answer", "reference", "fields", "score"),
    [
        (" 42 ", "42\n", {}, 1),
        ("42.0", "42", {}, 0),
        ("", "42", {}, 0),
        ("paris", "Paris", {}, 0),
        ("paris", "Paris", {"ignore_case": True}, 1),
        ("STRASSE", "straße", {"ignore_case": True}, 1),
        ("b", ["a", "b"], {}, 1),
        ("42", 42, {}, 1),
        ("0.5", (0.5, "1/2"), {}, 1),
        ("c", ["a", "b"], {}, 0),
        ("\ud800", "\ud800", {}, 1),
        ("<|endoftext|>", "", {}, None),
    ],
)
def test_it_is_one_for_the_reference_but_for_white_space_around(scored, answer, reference, fields, score):
    assert scored("accuracy", answer, reference, **fields).score == score


@pytest.mark.parametrize("reference", ["", " ", None, True, [], ["", "a"]])
def test_an_empty_or_missing_reference_is_no_match_for_an_empty_answer(scored, reference):
    assert scored("accuracy", "", reference).failure.kind is FailureKind.BAD_INPUT
    assert scored("accuracy", "").failure.kind is FailureKind.BAD_INPUT
