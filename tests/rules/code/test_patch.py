"""The likeness of two patches."""

import difflib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reward_fn.rules.code.patch import PatchSimilarityReward
from reward_fn.schema import DataOutput, DataSample, FailureKind, Step

NAME = "code_patch_similarity"
PATCH = """\
diff --git a/f.py b/f.py
index 83db48f..bf269f4 100644
--- a/f.py
+++ b/f.py
@@ -1,3 +1,3 @@ def f():
 x = 1
-y = 2
+y = 3
"""
"""Six lines that count."""


def test_the_same_patch_is_1_and_another_less(scored):
    assert scored(NAME, PATCH, PATCH).score == 1
    assert scored(NAME, PATCH.replace("+y = 3", "+y = 4"), PATCH).score == pytest.approx(10 / 12)
    assert scored(NAME, PATCH + "+z = 4\n+w = 5\n", PATCH).score == pytest.approx(12 / 14)
    assert scored(NAME, "I cannot do that.", PATCH).score == 0
    assert scored(NAME, "", PATCH).score == 0


def test_the_order_of_lines_counts(scored):
    assert scored(NAME, "+b\n+a\n", "+a\n+b\n").score == 0.5


def test_positions_hashes_and_white_space_at_the_ends_do_not_count(scored):
    other = PATCH.replace("@@ -1,3 +1,3 @@ def f():", "@@ -7,3 +9,3 @@").replace("83db48f..bf269f4", "0a..1b")
    assert scored(NAME, other.replace("\n", "  \r\n\n"), PATCH).score == 1
    assert scored(NAME, "index = 1", "index = 1").score == 1
    assert scored(NAME, PATCH.replace(" x = 1", "   x = 1"), PATCH).score < 1


@pytest.mark.parametrize("language", ["diff", "patch", "Diff"])
def test_the_patch_is_in_the_fences_that_say_so(scored, language):
    answer = f"I did:\n```python\n+no patch\n```\nand\n```{language}\n{PATCH}```\nThat is all."
    assert scored(NAME, answer, PATCH).score == 1
    assert scored(NAME, PATCH, answer).score == 1


def test_several_patches_are_one_and_fences_without_a_language_are_the_second_choice(scored):
    first, second = PATCH.splitlines(keepends=True)[:4], PATCH.splitlines(keepends=True)[4:]
    answer = f"```diff\n{''.join(first)}```\nand\n```diff\n{''.join(second)}```\n"
    assert scored(NAME, answer, PATCH).score == 1
    assert scored(NAME, f"```\n{PATCH}```\n```\noutput\n```\n", PATCH).score == 1
    assert scored(NAME, f"```\noutput\n```\n```diff\n{PATCH}```\n", PATCH).score == 1


def test_a_patch_of_markdown_is_read_as_a_whole(scored):
    patch = "\n--- a/README.md\n+++ b/README.md\n ```diff\n+x\n ```\n+y\n"
    assert scored(NAME, patch.replace("+y", "+z"), patch).score == pytest.approx(10 / 12)


def test_the_first_line_keeps_its_indentation(scored):
    patch = " x = 1\n-y = 2\n+y = 3\n"
    for answer in (patch, f"\n{patch}", f"<think>hm</think>\n\n{patch}", f"<answer>\n{patch}</answer>"):
        assert scored(NAME, answer, patch, read="tag:answer" if "answer" in answer else "after_thought").score == 1


def test_of_several_references_the_best_counts(scored):
    assert scored(NAME, PATCH, ["+x", PATCH]).score == 1


@pytest.mark.parametrize("unit", ["lines", "characters"])
@pytest.mark.parametrize("reference", ["", "\n", "```diff\n```", ["+x", ""]])
def test_a_reference_without_a_patch_is_a_failure(scored, unit, reference):
    for answer in ("", PATCH):
        failure = scored(NAME, answer, reference, unit=unit).failure
        assert (failure.kind, failure.detail) == (FailureKind.BAD_INPUT, "the reference has no patch")


@pytest.mark.parametrize("reference", [None, True, [], [None], {"patch": "x"}])
def test_a_reference_that_is_no_text_is_a_failure(scored, reference):
    assert scored(NAME, PATCH, reference).failure.kind is FailureKind.BAD_INPUT
    assert scored(NAME, "").failure.kind is FailureKind.BAD_INPUT


def test_characters_are_compared_if_it_is_asked_for(scored):
    assert scored(NAME, "+abcd", "+abed", unit="characters").score == pytest.approx(0.8)
    assert scored(NAME, "+abcd", "+abed").score == 0


@given(st.text("+- ab\n", max_size=60), st.text("+- ab\n", min_size=1, max_size=60).filter(str.strip))
def test_it_is_symmetric_and_never_below_the_ratio_of_difflib(first, second):
    first, second = f"+{first.strip()}x", f"+{second.strip()}x"
    score = similarity(first, second)
    assert score == similarity(second, first)
    ratio = difflib.SequenceMatcher(None, first, second, autojunk=False).ratio()
    assert ratio - 1e-9 <= score <= 1
    assert (score == 1) is (first == second)


def similarity(answer, reference):
    sample = DataSample(output=[DataOutput(answer=Step(content=answer, label={"reference": reference}))])
    return PatchSimilarityReward(unit="characters").score(sample)[0].score


@pytest.mark.parametrize("unit", ["lines", "characters"])
def test_two_long_patches_take_no_time_or_are_refused(scored, unit):
    began = time.process_time()
    one, other = "+a\n-b\n" * 33_000, "-b\n+a\n" * 33_000
    assert scored(NAME, one, one.replace("-b\n", "-c\n", 1), unit=unit).score > 0.9
    result = scored(NAME, one + "+c", "+c\n" + other, unit=unit)
    assert result.score == 0 and "are too many to compare" in result.details[0].reason
    assert "max_characters is 200,000" in scored(NAME, one * 2, one, unit=unit).details[0].reason
    assert "more than 200,000 characters" in scored(NAME, one, one * 2, unit=unit).failure.detail
    assert time.process_time() - began < 3
