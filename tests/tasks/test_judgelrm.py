"""JudgeLRM against its released code's values."""

import pytest

from reward_fn.schema import RewardError
from rm_train.tasks.judgelrm import content_reward

NAME = "judgelrm_reward"
SHORT, LONG = "hm", "h" * 500


def said(first, second, thoughts=SHORT):
    return f"<think>{thoughts}</think><answer>{first}</answer><answer>{second}</answer>"


@pytest.mark.parametrize(
    ("verdict", "gold", "content"),
    [
        ((8, 5), (8, 5), 3.2),  # exact
        ((8, 4), (8, 5), 2.8),  # off by one, with a margin as large
        ((7, 5), (8, 5), 2.6),  # off by one, with a smaller margin
        ((9, 4), (8, 5), 2.8),  # off by two
        ((9, 3), (8, 5), 2.2),  # off by three, with a larger margin
        ((6, 5), (9, 5), 2.0),  # off by three, with a smaller margin
        ((5, 8), (8, 5), -1.5),
        ((5, 5), (8, 5), 2.0),  # published: a tie counts as "the first wins"
        ((5, 5), (5, 8), -1.5),  # and so not as "the second wins"
        ((8, 5), (5, 5), 2.2),
        ((5, 8), (5, 5), -1.5),
        ((5, 5), (5, 5), 3.2),
        ((8, 5), (8.0, 4.5), 2.6),
    ],
)
def test_the_content_against_its_table(pay, verdict, gold, content):
    assert content_reward(verdict, gold) == pytest.approx(content)
    result = pay(NAME, said(*verdict), {"score_a": gold[0], "score_b": gold[1]})
    assert result["score"] == pytest.approx(1 + content)
    assert result["score_error"] == abs(verdict[0] - gold[0]) + abs(verdict[1] - gold[1])


@pytest.mark.parametrize(
    ("text", "form", "total"),
    [
        (said(8, 11), -0.5, -2.5),
        (said(8, -1), -0.5, -2.5),
        (said(8, "x"), -0.5, -2.5),
        (said(8, ""), -0.5, -2.5),
        ("", -1, -3),
        ("<answer>8</answer><answer>5</answer>", -1, -3),
        ("<think>hm</think><answer>8</answer>", -1, -3),
        (said(8, 5) * 2, -1, -3),
    ],
)
def test_invalid_verdicts_by_what_is_wrong_with_them(pay, text, form, total):
    result = pay(NAME, text, {"score_a": 8, "score_b": 5})
    assert (result["format_reward"], result["content_reward"], result["score"]) == (form, -2, total)
    assert (result["format_ok"], result["predicted"], result["score_error"]) == (0, -1, 20)


def test_the_length_counts_for_valid_verdicts_only(pay):
    gold = {"score_a": 8, "score_b": 5}
    assert pay(NAME, said(8, 5, LONG), gold)["score"] == pytest.approx(4.4)
    assert pay(NAME, said(8, 5, LONG), gold, too_long=500)["score"] == pytest.approx(3.4)
    assert pay(NAME, said(8, 55, LONG), gold, too_long=500)["score"] == -2.5
    assert pay(NAME, said(8, 5), gold, long=1)["length_reward"] == 0.2


def test_the_scores_are_the_preference(pay):
    result = pay(NAME, said(4, 9), {"score_a": "3", "score_b": 8.5, "length_a": 1, "length_b": 2})
    assert (result["acc"], result["predicted"], result["target"], result["chose_longer"]) == (1, 1, 1, 1)
    assert pay(NAME, said(4, 4), {"score_a": 3, "score_b": 3})["acc"] == 1
    assert pay(NAME, said(4, 4), {"score_a": 4, "score_b": 3})["acc"] == 0


@pytest.mark.parametrize("label", [{"score_a": 3}, {"score_a": 3, "score_b": 11}, {"score_a": -1, "score_b": 3}])
def test_scores_off_the_scale_are_bad_input(pay, label):
    with pytest.raises(RewardError, match=r"label's score_[ab] is .*, not a score from 0 to 10"):
        pay(NAME, said(1, 2), label)


@pytest.mark.parametrize(("first", "second"), [(8, 5), (5, 8), (9, 2), (0, 10)])
def test_without_ties_the_order_does_not_matter(pay, first, second):
    for gold in ((8, 5), (3, 4), (10, 0)):
        straight = pay(NAME, said(first, second), {"score_a": gold[0], "score_b": gold[1]})
        swapped = pay(NAME, said(second, first), {"score_a": gold[1], "score_b": gold[0]})
        assert straight["score"] == swapped["score"]
