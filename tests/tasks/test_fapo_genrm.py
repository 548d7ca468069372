"""FAPO's steps against the table of verl's recipe."""

import pytest

from reward_fn.schema import RewardError

NAME = "fapo_genrm_reward"


def said(step):
    return f"why \\boxed{{{step}}}"


@pytest.mark.parametrize(
    ("text", "gold", "paid", "acc"),
    [
        (said(-1), -1, 1, 1),
        (said(0), -1, -1, 0),
        (said(-1), 2, -1, 0),
        (said(2), 2, 1, 1),
        (said(3), 2, 0.75, 1),
        (said(0), 2, 0.5, 1),
        (said(3), 0, 0.25, 1),
        (said(4), 2, -1, 0),  # there are four steps
        (said(4), -1, -1, 0),
        (said(-2), -1, -1, 0),
        ("", -1, -1, 0),
        ("", 0, -1, 0),
        (said(2) * 2, 2, -1, 0),
        (said(2) + "x" * 300, 2, -1, 0),
    ],
)
def test_the_step_against_the_table(pay, text, gold, paid, acc):
    for reference in (gold, str(gold)):
        result = pay(NAME, text, {"reference": reference, "steps": 4})
        assert (result["score"], result["acc"], result["target"]) == (paid, acc, gold)
    assert result["exact"] == (paid == 1)
    assert result["step_error"] == (1 - paid if acc else 1)


def test_no_verdict_is_not_the_verdict_that_there_is_no_error(pay):
    result = pay(NAME, "", {"reference": -1, "steps": 4})
    assert (result["predicted"], result["format_ok"]) == (-2, 0)
    assert pay(NAME, said(-1), {"reference": -1, "steps": 4})["predicted"] == -1


@pytest.mark.parametrize(
    "label",
    [{"reference": 1}, {"steps": 4}, {"reference": 4, "steps": 4}, {"reference": -2, "steps": 4},
     {"reference": 0, "steps": 0}, {"reference": "one", "steps": 4}],
)  # fmt: skip
def test_a_broken_label_is_bad_input(pay, label):
    for text in (said(1), ""):
        with pytest.raises(RewardError, match=r"the label's (reference|steps) is"):
            pay(NAME, text, label)
