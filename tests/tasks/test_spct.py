"""SPCT: the best of n answers strictly first; a single answer exactly."""

import pytest

from reward_fn.schema import RewardError

NAME = "spct_reward"


def said(*scores):
    return f"Specific Criteria: x\nAnalysis: y\nScores: \\boxed{{{', '.join(map(str, scores))}}}"


@pytest.mark.parametrize(
    ("text", "reference", "paid"),
    [
        (said(7, 4), "A", 1),
        (said(7, 4), "B", -1),
        (said(4, 7), "B", 1),
        (said(7, 7), "A", -1),  # strictly
        (said(7, 4), [3, 1], 1),
        (said(7, 4), "[3, 1]", 1),
        (said(7, 4, 9), [0, 2, 4], 1),
        (said(7, 9, 9), [0, 2, 4], -1),
        (said(9, 9, 10), [0.5, 0.5, 0.75], 1),  # only the best one must be told
        (said(7, 4), [0, 2, 4], -1),  # a score is missing
        (said(7, 4, 5), "A", -1),
        (said(7), 7, 1),
        (said(7), "7", 1),
        (said(7), [7], 1),
        (said(6), 7, -1),
        (said(7, 7), 7, -1),
        (said(11, 4), "A", -1),
        (said(0, 4), "B", -1),
        (said(7, 4) * 2, "A", -1),
        ("", "A", -1),
        ("", 7, -1),
    ],
)
def test_the_scores_against_the_table(pay, text, reference, paid):
    result = pay(NAME, text, {"reference": reference})
    assert (result["score"], result["acc"]) == (paid, paid == 1)


def test_the_order_of_the_answers_does_not_matter(pay):
    for scores in ((7, 4, 9), (9, 9, 1), (1, 2, 3)):
        for ratings in ([0, 2, 4], [4, 0, 1]):
            straight = pay(NAME, said(*scores), {"reference": ratings})
            swapped = pay(NAME, said(*reversed(scores)), {"reference": ratings[::-1]})
            assert straight["score"] == swapped["score"]


def test_the_parts(pay):
    label = {"reference": "B", "length_a": 9, "length_b": 1}
    first, tied, none = (pay(NAME, text, label) for text in (said(7, 4), said(4, 4), ""))
    names = ("predicted", "target", "tie", "chose_a", "chose_longer", "format_ok", "answers")
    assert [first[name] for name in names] == [0, 1, 0, 1, 1, 1, 2]
    assert [tied[name] for name in names] == [-1, 1, 1, 0, 0, 1, 2]
    assert [none[name] for name in names] == [-1, 1, 0, 0, 0, 0, 2]
    single = pay(NAME, said(6), {"reference": 7})
    assert [single[name] for name in names] == [6, 7, 0, 0, 0, 1, 1]


@pytest.mark.parametrize(
    "reference", [None, "tie", "C", [], [1, 1], [1, "2"], [True, 0], 0, 11, "[1, 2", "[" * 99_999, [float("nan"), 1]]
)
def test_a_broken_label_is_bad_input(pay, reference):
    for text in (said(7, 4), ""):
        with pytest.raises(RewardError, match="the label's reference is"):
            pay(NAME, text, {"reference": reference})
