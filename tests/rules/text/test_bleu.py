"""BLEU and chrF as sacrebleu gives them."""

import pytest
from pydantic import ValidationError

from reward_fn.rules.text.bleu import BleuReward
from reward_fn.schema import FailureKind

sacrebleu = pytest.importorskip("sacrebleu")
TokenizerRegexp = pytest.importorskip("sacrebleu.tokenizers.tokenizer_re").TokenizerRegexp

ANSWER = "the cat sat on the mat ."
REFERENCES = ["the cat is on the mat .", "there is a cat on the mat ."]


def test_bleu_is_sacrebleus_sentence_bleu(scored):
    assert scored("bleu", ANSWER, REFERENCES).score == pytest.approx(
        sacrebleu.sentence_bleu(ANSWER, REFERENCES).score / 100
    )
    assert scored("bleu", ANSWER, ANSWER).score == pytest.approx(1)
    assert scored("bleu", ANSWER.upper(), ANSWER, lowercase=True).score == pytest.approx(1)
    assert scored("bleu", "我爱你", "我爱你", tokenize="zh").score == pytest.approx(1)
    assert scored("bleu", "", ANSWER).score == 0


@pytest.mark.parametrize(
    ("method", "value"), [("exp", None), ("floor", 0.3), ("floor", None), ("add-k", 0.5), ("none", None)]
)
@pytest.mark.parametrize("tokenize", ["13a", "intl", "zh", "char", "none"])
def test_smoothing_and_tokenizers_are_sacrebleus(scored, method, value, tokenize):
    answer, reference = "A dog, a 我 cat-like (1,000.5) thing &amp; more", "a cat, a 我 dog-like 1,000.5 thing & less"
    expected = sacrebleu.metrics.BLEU(
        tokenize=tokenize, smooth_method=method, smooth_value=value, effective_order=True
    ).sentence_score(answer, [reference])
    score = scored("bleu", answer, reference, tokenize=tokenize, smooth_method=method, smooth_value=value).score
    assert score == pytest.approx(expected.score / 100, abs=1e-12)


def test_a_smoothing_value_without_its_method_is_refused():
    with pytest.raises(ValidationError, match="smooth_value needs smooth_method='floor'"):
        BleuReward(smooth_value=0.5)


def test_a_tokenizer_that_is_not_installed_is_a_failure_that_says_what_to_install(scored, monkeypatch):
    japanese = pytest.importorskip("sacrebleu.tokenizers.tokenizer_ja_mecab")
    monkeypatch.setattr(japanese, "MeCab", None)
    failure = scored("bleu", "猫", "猫", tokenize="ja-mecab", lowercase=True).failure
    assert failure.kind is FailureKind.UNAVAILABLE
    assert "pip install 'sacrebleu[ja]'" in failure.detail


@pytest.mark.parametrize("tokenize", ["13a", "intl", "zh", "char"])
def test_texts_are_not_kept_in_memory(scored, tokenize):
    kinds = (type(sacrebleu.metrics.BLEU(tokenize=tokenize).tokenizer), TokenizerRegexp)
    before = [kind.__call__.cache_info().currsize for kind in kinds]
    for number in range(20):
        scored("bleu", f"{tokenize} answer {number}", "a reference", tokenize=tokenize)
    assert [kind.__call__.cache_info().currsize for kind in kinds] == before


def test_chrf_is_sacrebleus_with_its_parameters(scored):
    expected = sacrebleu.sentence_chrf(ANSWER, REFERENCES).score / 100
    assert scored("chrf", ANSWER, REFERENCES).score == pytest.approx(expected)
    plus_plus = sacrebleu.sentence_chrf(ANSWER, REFERENCES, word_order=2, beta=3).score / 100
    assert scored("chrf", ANSWER, REFERENCES, word_order=2, beta=3).score == pytest.approx(plus_plus)


@pytest.mark.parametrize("name", ["bleu", "chrf"])
def test_a_response_that_is_too_long_is_a_score_and_references_too_long_or_empty_are_failures(scored, name):
    reason = "has 60,000 characters, and max_characters is 50,000"
    long = scored(name, "a" * 60_000, "a", on_unreadable=0.25)
    assert (long.score, long.details[0].reason) == (0.25, f"unreadable: the response {reason}")
    assert scored(name, "a" * 60_000, "a").score == 0
    assert scored(name, "a", "a" * 60_000).failure.detail == f"the reference {reason}"
    assert scored(name, "", "").failure.detail == "the reference is empty"
