"""A right answer stands in an answer, or not."""

import time

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
        ("$5, it's «5»—ok", "5 its 5ok", {"ignore_punctuation": True}, 1),
        ("दिन", "दान", {"ignore_punctuation": True}, 0),
        ("It is Paris", "Paris", {"mode": "suffix"}, 1),
        ("Paris it is", "Paris", {"mode": "prefix"}, 1),
        ("Is Paris it?", "Paris", {"mode": "contains"}, 1),
        ("Is London it?", ["Paris", "London"], {"mode": "contains"}, 1),
        ("", "Paris", {"mode": "contains"}, 0),
    ],
)
def test_the_reference_stands_where_it_is_asked_for(scored, answer, reference, fields, score):
    assert scored("string_match", answer, reference, **fields).score == score


@pytest.mark.parametrize("reference", ["", " ", [], ["a", None], ["x", ""], False, None, float("nan")])
def test_a_reference_that_all_answers_match_or_that_is_no_text_is_a_failure(scored, reference):
    assert scored("string_match", "x", reference, mode="contains").failure.kind is FailureKind.BAD_INPUT


def test_a_reference_of_marks_only_is_a_failure_where_marks_are_left_out(scored):
    assert scored("string_match", "", "...", ignore_punctuation=True).failure.kind is FailureKind.BAD_INPUT


@pytest.mark.parametrize("mode", ["exact", "prefix", "suffix", "contains"])
def test_a_megabyte_that_almost_matches_everywhere_takes_no_time(scored, mode):
    began = time.process_time()
    assert scored("string_match", "ab" * 2**19, "ab" * 20_000 + "b" + "ab" * 20_000, mode=mode).score == 0
    assert scored("string_match", ".a" * 2**19, "b", mode=mode, ignore_punctuation=True, ignore_case=True).score == 0
    assert time.process_time() - began < 2
