"""Whether code parses, whatever code it is."""

import sys
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reward_fn.registry import RewardRegistry
from reward_fn.rules.code.syntax import SyntaxCheckReward
from reward_fn.schema import DataOutput, DataSample, Step

NAME = "code_syntax_check"
RIGHT, WRONG = "```python\nx = 1\n```\n", "```python\nx = = 1\n```\n"

HOSTILE = {
    "round brackets": "(" * 100_000,
    "square brackets": "[" * 100_000,
    "signs": "-" * 99_999 + "1",
    "sums": "1" + "+1" * 49_999,
    "attributes": "a" + ".b" * 49_999,
    "calls": "f" + "()" * 49_999,
    "places": "f" + "[0]" * 33_333,
    "lambdas": "lambda:" * 14_000 + "1",
    "powers": "1" + "**1" * 33_333,
    "elifs": "if a: b\n" + "elif a: b\n" * 9_000,
    "indents": "".join(" " * depth + "if 1:\n" for depth in range(400)),
    "formats": "f'{" * 30_000,
    "NUL": "a\x00" * 50_000,
    "surrogates": "\ud800" * 100_000,
    "digits": "1" * 100_000,
    "statements": "a\n" * 50_000,
    "prose": "the quick brown fox " * 5_000,
}


@pytest.mark.parametrize("language", ["python", "py", "python3", "Python", "PY", ""])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r\r\n"])
def test_blocks_of_python_and_of_no_language_are_checked(scored, language, end):
    answer = f"Text\n```{language}\nif x:\n    y = 1\n```\nmore (text".replace("\n", end)
    assert scored(NAME, answer).score == 1


def test_the_score_is_the_share_that_parses_less_the_penalty(scored):
    assert scored(NAME, RIGHT * 2).score == 1
    assert scored(NAME, RIGHT * 3 + WRONG).score == 0.75 - 0.5
    assert scored(NAME, WRONG, penalty=2).score == -2
    assert scored(NAME, WRONG, penalty=0).score == 0


def test_the_reason_names_the_first_broken_block_and_its_line(scored):
    result = scored(NAME, RIGHT + "```py\nx = 1\ny = = 2\n```\n" + WRONG)
    assert result.details[0].reason == "1 of 3 Python blocks parse; block 2, line 2: invalid syntax"


def test_other_languages_are_counted_and_not_checked(scored):
    result = scored(NAME, RIGHT + "```java\nint x;\n```\n```console\n$ ls\n```\n")
    assert (result.score, result.extra_data) == (1, {"blocks": 1, "valid": 1, "other_languages": 2})


@pytest.mark.parametrize("answer", ["", "x = 1", "```java\nint x;\n```"])
def test_no_code_is_not_better_than_broken_code(scored, answer):
    result = scored(NAME, answer)
    assert result.score == -0.5 == scored(NAME, WRONG).score
    assert result.details[0].reason == "no Python block"


def test_an_answer_without_fences_may_be_code_as_a_whole(scored):
    assert scored(NAME, "x = 1", unfenced="whole").score == 1
    assert scored(NAME, "Here it is: x = 1", unfenced="whole").score == -0.5
    assert scored(NAME, "not code " + RIGHT, unfenced="whole").score == -0.5
    assert scored(NAME, "not code\n" + RIGHT, unfenced="whole").score == 1
    assert scored(NAME, "<think>if x:</think>\n    if x:\n        y = 1", unfenced="whole").score == 1


@pytest.mark.parametrize("code", ["", "\n\n", "# nothing\n", "    "])
def test_a_block_without_a_statement_earns_nothing(scored, code):
    assert scored(NAME, f"```python\n{code}\n```").score == -0.5
    assert scored(NAME, code, unfenced="whole").score == -0.5


@pytest.mark.parametrize("code", ["%matplotlib inline", ">>> x = 1\n1", "!pip install numpy"])
def test_sessions_and_magics_are_not_python(scored, code):
    assert scored(NAME, f"```python\n{code}\n```").score == -0.5


def test_a_block_in_a_list_is_indented_as_a_whole(scored):
    assert scored(NAME, "1. Do\n   ```python\n   if x:\n       y = 1\n   ```\n").score == 1


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("name", [NAME, "code_style"])
def test_hostile_code_ends_no_process_and_takes_no_time(scored, name, text):
    began = time.process_time()
    result = scored(name, HOSTILE[text], unfenced="whole", max_characters=100_000)
    assert time.process_time() - began < 2
    assert result.failure is None


def test_deep_code_ends_no_process_when_python_is_told_to_allow_it():
    # Elsewhere in a process someone allows a deep recursion, and threads have small stacks.
    limit = sys.getrecursionlimit()
    sample = DataSample(output=[DataOutput(answer=Step(content="1" + "+1" * 49_999))])
    reward = SyntaxCheckReward(unfenced="whole", max_characters=100_000)
    try:
        sys.setrecursionlimit(1_000_000)
        with ThreadPoolExecutor(1) as pool:
            (result,) = pool.submit(reward.score, sample).result()
    finally:
        sys.setrecursionlimit(limit)
    assert result.failure is None


def test_code_that_is_too_long_is_a_score_that_says_so(scored):
    result = scored(NAME, "```\n" + "a\n" * 26_000)
    reason = "the Python in the answer has 51,999 characters, and max_characters is 50,000"
    assert (result.score, result.details[0].reason) == (-0.5, f"unreadable: {reason}")
    assert "1,001 Python blocks" in scored(NAME, RIGHT * 1_001).details[0].reason
    assert scored(NAME, "long thoughts " * 50_000 + "\n" + RIGHT).score == 1
    with pytest.raises(ValueError, match="max_characters"):
        SyntaxCheckReward(max_characters=1_000_000)


@pytest.mark.parametrize("action", ["error", "always", "default"])
def test_escapes_that_python_warns_of_are_neither_errors_nor_printed(scored, action):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter(action)
        for code in (r"x = '\d'", "x = 1if y else 2"):
            assert scored(NAME, f"```python\n{code}\n```").score == 1
        assert not caught


def test_the_warnings_of_others_are_as_they_were(scored):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        scored(NAME, RIGHT)
        warnings.warn("from another place", SyntaxWarning, stacklevel=1)
    assert [str(one.message) for one in caught] == ["from another place"]


@given(st.lists(st.sampled_from([RIGHT, WRONG, "text\n", "```\n", "~~~py\n", "x\n"]), max_size=6), st.floats(0, 3))
def test_the_score_is_in_its_range(parts, penalty):
    reward = RewardRegistry.get(NAME)(penalty=penalty)
    (result,) = reward.score(DataSample(output=[DataOutput(answer=Step(content="".join(parts)))]))
    low, high = reward.score_range
    assert low <= result.score <= high
