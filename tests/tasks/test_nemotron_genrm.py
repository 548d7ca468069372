"""Nemotron's distances, in numbers."""

import json

import pytest

from reward_fn.schema import RewardError
from rm_train.tasks.nemotron_genrm import NemotronGenRMReward, ranking_of

NAME = "nemotron_genrm_reward"


def said(score_1, score_2, ranking):
    return "why " + json.dumps({"score_1": score_1, "score_2": score_2, "ranking": ranking})


def test_strengths_are_rankings():
    assert [ranking_of(strength) for strength in (-3, -2, -1, 1, 2, 3)] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("text", "paid"),
    [
        (said(4, 2, 2), 0),
        (said(4, 2, 3), -1),
        (said(3, 2, 2), -1),
        (said(2, 4, 5), -7),  # 2 + 2 + 3
        (said(1, 5, 6), -10),  # 3 + 3 + 4
        (said(4, 2, 7), -10),  # out of range
        (said(4, 6, 2), -10),
        (said(4, 2, 2) + said(4, 2, 2), -10),
        ("", -10),
    ],
)
def test_the_distances_against_the_table(pay, text, paid):
    label = {"strength": -2, "score_a": 4, "score_b": 2}
    assert pay(NAME, text, label)["score"] == paid
    # The answers change places.
    swapped = {"strength": 2, "score_a": 2, "score_b": 4}
    if "7" not in text and "6," not in text and text.count("{") == 1:
        found = json.loads(text[4:])
        text = said(found["score_2"], found["score_1"], 7 - found["ranking"])
    assert pay(NAME, text, swapped)["score"] == paid


def test_without_scores_only_the_ranking_counts(pay):
    result = pay(NAME, said(1, 5, 6), {"strength": -3})
    assert (result["score"], result["score_error"], result["ranking_error"]) == (-5, 0, 5)
    assert (result["acc"], result["predicted"], result["target"]) == (0, 1, 0)
    assert pay(NAME, "", {"strength": -3})["score_error"] == 0
    assert pay(NAME, "", {"strength": -3, "score_a": 1, "score_b": 1})["score_error"] == 8


def test_the_weights(pay):
    label = {"strength": 1, "score_a": 3, "score_b": 3}
    assert pay(NAME, said(3, 3, 6), label, c2=0.5)["score"] == -1
    assert pay(NAME, "", label, c1=3)["score"] == -3
    assert NemotronGenRMReward().score_range == (-13, 0)
    assert NemotronGenRMReward(c1=50).score_range == (-50, 0)


@pytest.mark.parametrize(
    "label",
    [{}, {"strength": 0}, {"strength": 4}, {"strength": 1, "score_a": 3}, {"strength": 1, "score_a": 0, "score_b": 3}],
)
def test_a_broken_label_is_bad_input(pay, label):
    with pytest.raises(RewardError, match="the label's"):
        pay(NAME, said(3, 3, 3), {"more": 1, **label})
