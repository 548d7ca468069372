"""A regular expression of the user's, with a time limit."""

import pytest
from pydantic import ValidationError

from reward_fn.rules.format.regex import RegexMatchReward


@pytest.mark.parametrize(
    ("answer", "fields", "score"),
    [
        ("42", {"pattern": r"\d+"}, 1),
        ("42!", {"pattern": r"\d+"}, 0),
        ("so 42!", {"pattern": r"\d+", "mode": "search"}, 1),
        ("YES", {"pattern": "yes"}, 0),
        ("YES", {"pattern": "yes", "flags": "i"}, 1),
        ("a\nb", {"pattern": "a.b"}, 0),
        ("a\nb", {"pattern": "a.b", "flags": "s"}, 1),
        ("", {"pattern": ""}, 1),
    ],
)
def test_the_pattern_matches_all_or_some_of_the_answer(scored, answer, fields, score):
    assert scored("regex_match", answer, **fields).score == score


def test_a_response_on_which_the_pattern_takes_too_long_is_a_score(scored):
    slow = scored("regex_match", "a" * 60 + "!", pattern="(a|aa)+$", timeout_s=0.05, on_unreadable=-1)
    assert slow.score == -1
    assert "took longer than 0.05 s" in slow.details[0].reason


def test_a_pattern_that_is_none_is_refused():
    with pytest.raises(ValidationError, match="the pattern is no regular expression: missing"):
        RegexMatchReward(pattern="(")
