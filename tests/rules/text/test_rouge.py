"""The figures of the package rouge-score, faster."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reward_fn.registry import RewardRegistry
from reward_fn.rules.text.lcs import lcs_length, reduced
from reward_fn.schema import DataOutput, DataSample, Step

rouge_scorer = pytest.importorskip("rouge_score.rouge_scorer")

WORDS = st.lists(st.sampled_from(["The", "cat", "sat,", "running", "on-the", "42", "Été", "mats", "was"]), max_size=15)
MEASURES = ("precision", "recall", "fmeasure")


def table_lcs(first, second):
    """The textbook's table."""
    rows = [[0] * (len(second) + 1) for _ in range(len(first) + 1)]
    for i, a in enumerate(first):
        for j, b in enumerate(second):
            rows[i + 1][j + 1] = rows[i][j] + 1 if a == b else max(rows[i][j + 1], rows[i + 1][j])
    return rows[-1][-1]


@given(st.lists(st.integers(0, 4), max_size=80), st.lists(st.integers(0, 4), max_size=80))
def test_the_bits_give_the_length_that_the_table_gives(first, second):
    assert lcs_length(first, second) == table_lcs(first, second)


@given(st.lists(st.integers(0, 4), max_size=40), st.lists(st.integers(0, 4), max_size=40))
def test_what_is_left_out_before_the_table_does_not_change_the_length(first, second):
    known, one, two = reduced(first, second)
    assert known + table_lcs(one, two) == table_lcs(first, second)


@settings(max_examples=60, deadline=None)
@given(WORDS, WORDS.filter(lambda words: set(words) - {"Été"}), st.sampled_from(["rouge1", "rouge2", "rougeL"]),
       st.booleans())  # fmt: skip
def test_it_equals_rouge_score(answer, reference, variant, stem):
    answer, reference = " ".join(answer), " ".join(reference)
    expected = rouge_scorer.RougeScorer([variant], use_stemmer=stem).score(reference, answer)[variant]
    sample = DataSample(output=[DataOutput(answer=Step(content=answer, label={"reference": reference}))])
    for measure in MEASURES:
        reward = RewardRegistry.get("rouge")(variant=variant, use_stemmer=stem, measure=measure)
        assert reward.score(sample)[0].score == pytest.approx(getattr(expected, measure), abs=1e-9)


def test_known_values_by_hand(scored):
    # Lin 2004, section 3: "police killed the gunman" against "police kill the gunman" has an LCS of 3 of 4.
    assert scored("rouge", "police kill the gunman", "police killed the gunman").score == 0.75
    assert scored("rouge", "the gunman kill police", "police killed the gunman").score == 0.5
    assert scored("rouge", "a b c", "a b d", variant="rouge2").score == 0.5


def test_of_several_references_the_best_counts(scored):
    assert scored("rouge", "a b", ["x y", "a b"]).score == 1


def test_other_scripts_need_another_tokenizer(scored):
    assert "no words" in scored("rouge", "我爱你", "我爱你").failure.detail
    assert scored("rouge", "我爱你", "我爱你", tokenizer_type="jieba").score == 1


def test_a_response_that_is_too_long_to_compare_is_a_score_that_says_so(scored):
    answer, reference = "a b " * 10_500, "b a " * 10_500
    result = scored("rouge", answer, reference)
    assert result.score == 0
    assert result.details[0].reason == "unreadable: 21,000 and 21,000 words are too many for ROUGE-L"
    assert scored("rouge", answer, reference, variant="rouge1").score == 1


def test_a_megabyte_against_almost_the_same_megabyte_is_scored(scored):
    text = "all work and no play " * 50_000
    began = time.process_time()
    assert scored("rouge", f"{text} makes jack {text}", f"{text} makes {text}").score == pytest.approx(1, abs=1e-5)
    assert time.process_time() - began < 3


def test_stems_of_a_megabyte_take_no_time_or_are_refused(scored):
    began = time.process_time()
    assert scored("rouge", "running " * 131_072, "runs", variant="rouge1", use_stemmer=True).score > 0
    assert scored("rouge", "y" * 2**20, "a", use_stemmer=True).score == 0
    many = " ".join(f"word{number}" for number in range(100_000))
    assert "100,000 different words" in scored("rouge", many, "word", use_stemmer=True).details[0].reason
    assert "100,000 different words" in scored("rouge", "word", many, use_stemmer=True).failure.detail
    assert time.process_time() - began < 3
