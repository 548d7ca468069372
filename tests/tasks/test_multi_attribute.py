"""All five ratings at once: the mean of what each is worth."""

import math

import pytest

from reward_fn.judges.forms import FORMS
from reward_fn.judges.forms.attributes import AttributesVerdict
from reward_fn.judges.pointwise import ATTRIBUTES
from reward_fn.schema import RewardError

NAME = "multi_attribute_reward"
GOLD = dict(zip(ATTRIBUTES, (3, 4, 4, 1, 1), strict=True))


def said(*scores):
    return FORMS["attributes"].write(AttributesVerdict(dict(zip(ATTRIBUTES, scores, strict=True)), "why"))


@pytest.mark.parametrize(
    ("recipe", "scores", "paid"),
    [
        ("exp_decay", (3, 4, 4, 1, 1), 1),
        ("exp_decay", (3, 4, 4, 1, 2), (4 + math.exp(-0.5)) / 5),
        ("exp_decay", (0, 0, 0, 4, 4), (2 * math.exp(-1.5) + 2 * math.exp(-2) + math.exp(-1.5)) / 5),
        ("linear", (3, 4, 4, 1, 3), 0.9),
        ("exact", (3, 4, 4, 1, 1), 1),
        ("exact", (3, 4, 4, 0, 0), 0.2),
    ],
)
def test_the_mean_against_the_table(pay, recipe, scores, paid):
    assert pay(NAME, said(*scores), GOLD, recipe=recipe)["score"] == pytest.approx(paid)


@pytest.mark.parametrize(("recipe", "paid"), [("exp_decay", 0), ("linear", -0.25), ("exact", -1.5)])
def test_one_rating_out_of_range_makes_the_verdict_invalid(pay, recipe, paid):
    zeros = dict.fromkeys(ATTRIBUTES, 0)
    for text in ("", said(3, 4, 4, 1, 5), said(0, 0, 0, 0, 999), said(0, 0, 0, 0, 0) * 2):
        result = pay(NAME, text, zeros, recipe=recipe)
        assert (result["score"], result["acc"], result["format_ok"], result["abs_error"]) == (paid, 0, 0, 4)


def test_the_parts(pay):
    result = pay(NAME, said(3, 4, 2, 1, 2), GOLD)
    assert result["acc"] == pytest.approx(0.6)
    assert (result["all_exact"], result["abs_error"]) == (0, pytest.approx(0.6))
    assert (result["predicted"], result["target"]) == (pytest.approx(2.4), pytest.approx(2.6))
    assert (result["coherence_error"], result["verbosity_error"], result["helpfulness_error"]) == (2, 1, 0)
    assert pay(NAME, said(3, 4, 4, 1, 1), GOLD)["all_exact"] == 1


@pytest.mark.parametrize(
    "wrong", [{"verbosity": 5}, {"verbosity": None}, {"helpfulness": "3.5"}, {"coherence": "good"}]
)
def test_a_broken_label_is_bad_input(pay, wrong):
    with pytest.raises(RewardError, match=r"not a rating from 0 to 4"):
        pay(NAME, said(0, 0, 0, 0, 0), {**GOLD, **wrong})
