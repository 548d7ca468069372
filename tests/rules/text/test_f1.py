"""Words in common."""

import pytest
from pydantic import ValidationError

from reward_fn.rules.text.f1 import F1ScoreReward
from reward_fn.schema import FailureKind


@pytest.mark.parametrize(
    ("answer", "reference", "fields", "score"),
    [
        ("the cat sat", "the cat sat", {}, 1),
        ("The cat.", "the cat sat down", {}, 2 * 1 * 0.5 / 1.5),
        ("a a a b", "a b b", {}, 2 * (2 / 4) * (2 / 3) / (2 / 4 + 2 / 3)),
        ("a a a b", "a b b", {"compare": "set"}, 1),
        ("x", "a", {}, 0),
        ("", "a", {}, 0),
        ("b", ["a", "b"], {}, 1),
        ("喜欢学习", "喜欢中文", {"tokenizer_type": "jieba"}, 0.5),
    ],
)
def test_it_is_the_harmonic_mean_of_precision_and_recall(scored, answer, reference, fields, score):
    assert scored("f1_score", answer, reference, **fields).score == pytest.approx(score)


@pytest.mark.parametrize("reference", ["", "...", None])
def test_a_reference_without_words_is_a_failure_even_for_an_empty_answer(scored, reference):
    assert scored("f1_score", "", reference).failure.kind is FailureKind.BAD_INPUT


def test_options_that_do_not_fit_are_refused():
    with pytest.raises(ValidationError, match="chinese_only needs"):
        F1ScoreReward(chinese_only=True)
