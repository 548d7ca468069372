"""The training reward: known values of each recipe, and the same keys for every answer."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rm_train.tasks.pointwise import compute_score

KEYS = {"score", "acc", "abs_error", "format_ok", "predicted", "target", "response_length"}


def verdict(score: int) -> str:
    return f"<reason>why</reason><score>{score}</score>"


def reward(text: str, target: int, recipe: str, **options: float) -> dict[str, float]:
    return compute_score("set/helpfulness", text, target, {"index": 0}, recipe=recipe, **options)


@pytest.mark.parametrize(
    ("recipe", "by_distance", "invalid"),
    [
        ("exp_decay", [1.0, 0.60653066, 0.36787944, 0.22313016, 0.13533528], 0.0),
        ("linear", [1.0, 0.75, 0.5, 0.25, 0.0], -0.25),
        ("exact", [1.0, -1.0, -1.0, -1.0, -1.0], -1.5),
    ],
)
def test_known_values(recipe: str, by_distance: list[float], invalid: float) -> None:
    for target in range(5):
        for predicted in range(5):
            result = reward(verdict(predicted), target, recipe)
            assert result["score"] == pytest.approx(by_distance[abs(predicted - target)])
            assert result["acc"] == (predicted == target)
            assert result["abs_error"] == abs(predicted - target)
            assert (result["predicted"], result["target"], result["format_ok"]) == (predicted, target, 1)
        assert reward("no verdict", target, recipe)["score"] == invalid


@pytest.mark.parametrize("recipe", ["exp_decay", "linear", "exact"])
@pytest.mark.parametrize("text", ["", "0", "<score>0</score>", verdict(-1), verdict(7), verdict(0) * 2])
def test_an_invalid_verdict_is_never_the_score_0_that_happens_to_be_right(text: str, recipe: str) -> None:
    result = reward(text, 0, recipe)
    assert (result["acc"], result["format_ok"], result["abs_error"], result["predicted"]) == (0, 0, 4, -1)
    assert result["score"] < reward(verdict(0), 0, recipe)["score"]


def test_the_steepness_of_exp_decay() -> None:
    assert reward(verdict(1), 3, "exp_decay", k=4.0)["score"] == pytest.approx(math.exp(-2))


@given(st.text(), st.integers(0, 4), st.sampled_from(["exp_decay", "linear", "exact"]))
def test_every_sample_has_the_same_finite_numbers(text: str, target: int, recipe: str) -> None:
    result = reward(text, target, recipe)
    assert result.keys() == KEYS
    assert all(type(value) is float and math.isfinite(value) for value in result.values())
    assert result["response_length"] == len(text)


def test_wrong_settings_are_named() -> None:
    with pytest.raises(ValueError, match="unknown recipe 'exakt'; choose one of exp_decay, linear, exact"):
        reward(verdict(1), 1, "exakt")
    with pytest.raises(ValueError, match=r"target 5 of a row of set/helpfulness"):
        reward(verdict(1), 5, "exact")
