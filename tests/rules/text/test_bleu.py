"""BLEU and chrF as sacrebleu gives them."""

import pytest

from reward_fn.schema import FailureKind

sacrebleu = pytest.importorskip("sacrebleu")

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


def test_chrf_is_sacrebleus_with_its_parameters(scored):
    expected = sacrebleu.sentence_chrf(ANSWER, REFERENCES).score / 100
    assert scored("chrf", ANSWER, REFERENCES).score == pytest.approx(expected)
    plus_plus = sacrebleu.sentence_chrf(ANSWER, REFERENCES, word_order=2, beta=3).score / 100
    assert scored("chrf", ANSWER, REFERENCES, word_order=2, beta=3).score == pytest.approx(plus_plus)


@pytest.mark.parametrize("name", ["bleu", "chrf"])
def test_texts_that_are_too_long_or_empty_references_are_failures(scored, name):
    long = scored(name, "a" * 60_000, "a")
    assert long.failure.kind is FailureKind.BAD_INPUT
    assert "the answer has 60,000 characters, and max_characters is 50,000" in long.failure.detail
    assert scored(name, "", "").failure.detail == "the reference is empty"
