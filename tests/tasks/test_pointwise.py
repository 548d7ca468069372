"""The training reward: known values of each recipe, and the same parts for every answer, by the adapter verl calls."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reward_fn.adapters.verl import compute_score_sync
from reward_fn.adapters.verl.scorer import OWN_KEYS
from reward_fn.adapters.verl.settings import Settings
from reward_fn.loading import RewardConfigError, reward_of
from reward_fn.registry import RewardRegistry
from reward_fn.schema import DataOutput, DataSample, FailureKind, RewardError, Step
from rm_train.tasks.pointwise import PointwiseVerdictReward
from rm_train.tasks.recipes import RECIPES

NAME = "pointwise_verdict_reward"
PARTS = {"acc", "abs_error", "format_ok", "predicted", "target", "response_length"}


def verdict(score: int) -> str:
    return f"<reason>why</reason><score>{score}</score>"


def reward(text: str, target: object, recipe: str, **options: object) -> dict[str, float]:
    return compute_score_sync("set/helpfulness", text, target, {"index": 0}, reward=NAME, recipe=recipe, **options)


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
    assert result.keys() - set(OWN_KEYS) == PARTS and "score" in result
    assert all(type(value) is float and math.isfinite(value) for value in result.values())
    assert result["response_length"] == len(text)
    assert result["failed"] == 0
    low, high = PointwiseVerdictReward(recipe=recipe).score_range
    assert low <= result["score"] <= high


@pytest.mark.parametrize("target", [5, -1, "seven", 2.5, None, True, [1]])
def test_a_target_off_the_scale_is_bad_input(target: object) -> None:
    with pytest.raises(RewardError, match=r"the label's reference is .*, not a rating from 0 to 4") as error:
        reward(verdict(1), target, "exact")
    assert error.value.failure.kind is FailureKind.BAD_INPUT
    assert reward(verdict(1), target, "exact", on_failure={"constant": -2})["score"] == -2


def test_the_log_is_told_why_a_verdict_is_none() -> None:
    label = {"reference": "3"}
    texts = [verdict(3), "three"]
    sample = DataSample(output=[DataOutput(answer=Step(content=text, label=label)) for text in texts])
    right, wrong = PointwiseVerdictReward(recipe="linear").score(sample)
    assert not any(part.reason for part in right.details)
    assert [part.reason for part in wrong.details if part.reason] == [
        "expected one <reason>…</reason> and then one <score>…</score>, found no tags"
    ]


def test_the_registry_knows_it_and_it_describes_itself() -> None:
    made = RewardRegistry.get(NAME)
    assert made is PointwiseVerdictReward
    assert made.model_fields["name"].default == NAME
    assert made.__doc__ and made.formula
    assert all(field.description for key, field in made.model_fields.items() if key != "name")
    assert set(reward_of({"reward": NAME, "recipe": "exact"}).part_names) == PARTS
    assert all(recipe in made.formula for recipe in RECIPES)


@pytest.mark.parametrize(
    ("kwargs", "said"),
    [
        ({"recipe": "exakt"}, "recipe: there is no recipe 'exakt'; choose one of .* (did you mean exact?)"),
        ({}, "recipe: this field is needed: how a verdict is paid"),
        ({"recipe": "exp_decay", "k": 0}, "k: Input should be greater than 0"),
        ({"recipe": "exact", "kk": 1}, "kk: there is no such field"),
    ],
)
def test_wrong_settings_are_named(kwargs: dict[str, object], said: str) -> None:
    with pytest.raises(RewardConfigError, match=said.replace("(", r"\(").replace(")", r"\)").replace("?", r"\?")):
        Settings.read({"reward": NAME, **kwargs})
