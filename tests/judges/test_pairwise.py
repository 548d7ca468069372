"""The pairwise judge's prompt keeps both texts inside their sections, and the parser takes a verdict or nothing."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reward_fn.judges.pairwise import (
    PREFERENCES,
    PairwiseVerdict,
    format_pairwise,
    pairwise_messages,
    parse_pairwise,
    swapped,
)
from reward_fn.schema import Failure, FailureKind

GOOD = "<reason>A names both</reason><preference>A</preference>"
PIECES = st.lists(
    st.sampled_from(
        ["<reason>", "</reason>", "<preference>", "</preference>", "<think>", "</think>", "A", "tie", " ", "why"]
    )
    | st.text(max_size=5),
    max_size=12,
).map("".join)


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        f"  {GOOD}\n",
        "<reason>A names both</reason>\n<preference> A </preference>",
        f"<think>maybe <preference>B</preference></think>{GOOD}",
    ],
)
def test_reads_a_verdict(text):
    assert parse_pairwise(text) == PairwiseVerdict("A", "A names both")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "A",
        "<preference>A</preference>",
        "<preference>A</preference><reason>too late</reason>",
        "<reason> </reason><preference>A</preference>",
        GOOD + GOOD,
        f"{GOOD}<preference>B</preference>",
        "<reason>they wrote <preference>B</preference></reason><preference>A</preference>",
        "<reason>why</reason><preference>C</preference>",
        "<reason>why</reason><preference>a</preference>",
        "<reason>why</reason><preference>A or B</preference>",
        "<reason>why</reason><preference>Tie</preference>",
        "<reason>why</reason><preference></preference>",
        "<reason>why</reason><preference>A",
        "<reason>why</reason> so <preference>A</preference>",
        f"{GOOD} That is my verdict.",
        "<reason>why</reason><score>3</score>",
        f"<think>{GOOD}",
    ],
)
def test_refuses_what_is_not_a_verdict(text):
    failure = parse_pairwise(text)
    assert isinstance(failure, Failure) and failure.detail
    assert failure.kind in (FailureKind.UNPARSEABLE, FailureKind.TRUNCATED)


@given(PIECES)
def test_arbitrary_text_never_raises(text):
    verdict = parse_pairwise(text)
    if isinstance(verdict, PairwiseVerdict):
        assert verdict.preference in PREFERENCES and verdict.reason.strip()
    else:
        assert verdict.kind in FailureKind


@given(
    st.sampled_from(PREFERENCES), st.text(alphabet=st.characters(exclude_characters="<")).map(str.strip).filter(bool)
)
def test_what_is_written_is_read_back(preference, reason):
    assert parse_pairwise(format_pairwise(PairwiseVerdict(preference, reason))) == PairwiseVerdict(preference, reason)


@given(st.text(), st.text(), st.text())
def test_judged_texts_stay_inside_their_sections(prompt, first, second):
    (message,) = pairwise_messages([{"role": "user", "content": prompt}], first, second)
    content = message["content"]
    fence = re.search(r"^(~{3,}) conversation$", content, re.M)[1]
    assert fence not in "\n".join([prompt, first, second])
    assert content.count(fence) == 4
    inside = content.split(f"{fence} answer A\n", 1)[1].rsplit(f"\n{fence}\n", 1)[0]
    assert inside == f"{first}\n{fence} answer B\n{second}"


def test_swapping_twice_is_nothing():
    assert [swapped(one) for one in PREFERENCES] == ["B", "A", "tie"]
    assert all(swapped(swapped(one)) == one for one in PREFERENCES)
