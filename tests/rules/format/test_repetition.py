"""A penalty for n-grams that repeat."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from reward_fn.rules.format.repetition import NgramRepetitionPenaltyReward
from reward_fn.schema import DataOutput, DataSample, Step

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


@pytest.mark.parametrize(
    ("answer", "prefilled"),
    [
        (f"<think>{TEXT}</think> x y z w v u", False),
        (f"x y z <think>{TEXT}", False),
        ("<think>a b c a</think> x y z <think>b c a b c</think> w", False),
        (f"{TEXT}</think> x y z", True),
        (TEXT, True),
    ],
)
def test_only_the_thoughts_count_if_it_is_asked_for(scored, answer, prefilled):
    result = scored(NAME, answer, analyze_scope="thought", thought_opened=prefilled)
    assert result.score == pytest.approx(-(RATE - 0.3))


def test_without_a_thought_the_score_is_0_as_in_rm_gallery_or_on_unreadable(scored):
    result = scored(NAME, f"{TEXT}</think>", analyze_scope="thought")
    assert (result.score, result.details[0].reason) == (0.0, "unreadable: no <think>")
    assert scored(NAME, TEXT, analyze_scope="thought", on_unreadable=-0.5).score == -0.5


@given(st.lists(st.sampled_from("abc"), max_size=20), st.integers(1, 6))
def test_the_rate_is_the_share_of_n_grams_that_were_there_before(tokens, n):
    grams = [tuple(tokens[start : start + n]) for start in range(len(tokens) - n + 1)]
    repeated = sum(gram in grams[:place] for place, gram in enumerate(grams))
    sample = DataSample(output=[DataOutput(answer=Step(content=" ".join(tokens)))])
    (result,) = NgramRepetitionPenaltyReward(n=n).score(sample)
    assert result.extra_data["rate"] == pytest.approx(repeated / len(grams) if grams else 0)


@given(st.floats(0, 1), st.booleans(), st.floats(0, 0.9))
def test_the_score_is_in_its_range(rate, soft, start):
    reward = NgramRepetitionPenaltyReward(use_soft_penalty=soft, min_scaling=start, penalty_threshold=start)
    low, high = reward.score_range
    assert low <= reward._penalty(rate) <= high
    assert reward._penalty(1.0) == low


def test_chinese_words_are_counted_by_jieba(scored):
    text = "我们喜欢学习,我们喜欢学习,我们喜欢学习 abc"
    result = scored(NAME, text, tokenizer_type="jieba", chinese_only=True, n=2)
    # 我们 喜欢 学习 three times: 8 pairs, 3 distinct.
    assert result.extra_data["rate"] == pytest.approx(5 / 8)
    with pytest.raises(ValidationError, match="chinese_only needs tokenizer_type='jieba'"):
        NgramRepetitionPenaltyReward(chinese_only=True)
