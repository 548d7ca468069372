"""A penalty for n-grams that repeat."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from reward_fn.rules.format.repetition import NgramRepetitionPenaltyReward
from reward_fn.schema import FailureKind

NAME = "ngram_repetition_penalty"
TEXT = "a b c a b c a b c"  # 7 trigrams, 3 distinct
RATE = 4 / 7


def test_hard_counts_what_exceeds_the_threshold(scored):
    assert scored(NAME, TEXT).score == pytest.approx(-(RATE - 0.3))
    assert scored(NAME, TEXT, penalty_threshold=0.6).score == 0
    assert scored(NAME, TEXT, penalty_rate=2, n=1).score == pytest.approx(-2 * (6 / 9 - 0.3))


def test_soft_counts_from_the_scaling_on_up_to_the_largest(scored):
    soft = {"use_soft_penalty": True, "max_penalty": -2.0}
    assert scored(NAME, TEXT, **soft).score == pytest.approx(-2 * RATE)
    assert scored(NAME, TEXT, min_scaling=0.5, **soft).score == pytest.approx(-2 * (RATE - 0.5) / 0.5)
    assert scored(NAME, TEXT, min_scaling=0.6, **soft).score == 0


def test_a_text_shorter_than_an_n_gram_repeats_nothing(scored):
    for text in ("", "a", "a b"):
        assert str(scored(NAME, text).score) == "0.0"


def test_only_the_thought_counts_if_it_is_asked_for(scored):
    text = f"<think>{TEXT}</think> x y z w v u"
    assert scored(NAME, text, analyze_scope="thought").score == pytest.approx(-(RATE - 0.3))
    failed = scored(NAME, "no thought", analyze_scope="thought")
    assert failed.failure.kind is FailureKind.BAD_INPUT and "0 thoughts" in failed.failure.detail


@given(st.text("ab ", max_size=60), st.integers(1, 4), st.booleans(), st.floats(0, 0.9))
def test_the_score_is_in_its_range(text, n, soft, start):
    reward = NgramRepetitionPenaltyReward(n=n, use_soft_penalty=soft, min_scaling=start, penalty_threshold=start)
    assert reward.score_range[0] - 1e-12 <= reward._penalty(1 - 1 / (len(text) + 1)) <= 0


def test_chinese_words_are_counted_by_jieba(scored):
    text = "我们喜欢学习,我们喜欢学习,我们喜欢学习 abc"
    result = scored(NAME, text, tokenizer_type="jieba", chinese_only=True, n=2)
    # 我们 喜欢 学习 three times: 8 pairs, 3 distinct.
    assert result.extra_data["rate"] == pytest.approx(5 / 8)
    with pytest.raises(ValidationError, match="chinese_only needs tokenizer_type='jieba'"):
        NgramRepetitionPenaltyReward(chinese_only=True)
