"""A penalty for what is too short or too long."""

import pytest
from pydantic import ValidationError

from reward_fn.rules.format.length import LengthPenaltyReward
from reward_fn.schema import FailureKind


@pytest.mark.parametrize(
    ("answer", "score"), [("x" * 10, 0), ("x" * 1000, 0), ("x" * 4, -0.06), ("", -0.1), ("x" * 1100, -1)]
)
def test_each_character_too_few_or_too_many_costs_the_rate(scored, answer, score):
    assert scored("length_penalty", answer).score == pytest.approx(score)


def test_the_cap_is_the_lowest_score(scored):
    assert scored("length_penalty", "x" * 9000, max_penalty=2).score == -2
    assert LengthPenaltyReward(max_penalty=2).score_range == (-2, 0)


@pytest.mark.parametrize(("unit", "length"), [("characters", 11), ("words", 2), ("tokens", 3)])
def test_the_unit_is_chosen(scored, unit, length):
    result = scored("length_penalty", "hello, a-b!", unit=unit, tokenizer_type="simple", max_length=0, min_length=0)
    assert result.extra_data["length"] == length
    assert result.score == pytest.approx(-0.01 * length)


def test_tokens_are_those_of_the_tokenizer_that_is_named(scored):
    result = scored("length_penalty", "一二三四五", unit="tokens", tokenizer_type="jieba", max_length=2, min_length=0)
    assert result.extra_data["length"] < 5
    failure = scored("length_penalty", "x", unit="tokens", tokenizer_type="./no/model").failure
    assert failure.kind is FailureKind.UNAVAILABLE and "no tokenizer at './no/model'" in failure.detail
    assert scored("length_penalty", "x" * 20, tokenizer_type="./no/model").score == 0


def test_no_penalty_is_zero_and_not_minus_zero(scored):
    assert str(scored("length_penalty", "x" * 50).score) == "0.0"


def test_limits_that_do_not_fit_are_refused():
    with pytest.raises(ValidationError, match="min_length 20 is above max_length 10"):
        LengthPenaltyReward(min_length=20, max_length=10)
