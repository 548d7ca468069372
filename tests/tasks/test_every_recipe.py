"""What holds for every training reward, and for the config of every recipe."""

import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from reward_fn.adapters.verl.scorer import OWN_KEYS
from reward_fn.adapters.verl.settings import Settings
from reward_fn.judges.forms import FORMS
from reward_fn.loading import reward_of
from reward_fn.registry import RewardRegistry
from rm_train.launch.config import configs_dir

PAIR = {"reference": "B", "strength": 2, "score_a": 1, "score_b": 3, "length_a": 4, "length_b": 9}
RATINGS = {"helpfulness": 3, "correctness": 4, "coherence": 4, "complexity": 1, "verbosity": 1}
LABELS = {
    "pointwise_verdict_reward": {"reference": 3},
    "pairwise_verdict_reward": PAIR,
    "j1_reward": PAIR,
    "judgelrm_reward": PAIR,
    "nemotron_genrm_reward": PAIR,
    "spct_reward": PAIR,
    "fapo_genrm_reward": {"reference": 2, "steps": 4},
    "rationale_reward": {**PAIR, "checklist": ["it is right"]},
    "multi_attribute_reward": RATINGS,
}
"""A label for each reward that needs no model."""

RECIPES = {path.stem: OmegaConf.load(path) for path in sorted((configs_dir() / "recipe").glob("*.yaml"))}
POINTWISE = "pointwise_verdict_reward"
"""What configs/pointwise.yaml names, where a recipe names none."""


def kwargs_of(recipe):
    config = OmegaConf.merge({"form": "pairwise"}, RECIPES[recipe])
    found = OmegaConf.to_container(config.reward.custom_reward_function.reward_kwargs, resolve=True)
    return {"reward": POINTWISE, **found}


def fields_of(recipe):
    """Return a reward's own fields, without how verl's rows are read."""
    return {key: value for key, value in kwargs_of(recipe).items() if key not in ("reward", "fields", "group")}


FORM_OF = {POINTWISE: "pointwise", "fapo_genrm_reward": "first_error", "multi_attribute_reward": "attributes"}
"""The forms of judges that do not compare two answers."""
WRITTEN = {
    "pointwise": "<reason>why</reason><score>3</score>",
    "pairwise": "<reason>why</reason><preference>B</preference>",
    "bracketed": "<answer>[[B]]</answer>",
    "boxed": "\\boxed{Assistant 2}",
    "letter": "<answer>B</answer>",
    "graded": "<answer>1</answer>",
    "two_scores": "<think>why</think><answer>2</answer><answer>9</answer>",
    "json_scores": '{"score_1": 1, "score_2": 3, "ranking": 4}',
    "listed_pair": "\\boxed{3, 7}",
    "checklist": "<reason>- it is right</reason><preference>B</preference>",
    "first_error": "\\boxed{1}",
    "attributes": f"<reason>why</reason>{''.join(f'<{name}>{score}</{name}>' for name, score in RATINGS.items())}",
}
EVERY_RECIPE = pytest.mark.parametrize("recipe", RECIPES)


def test_every_reward_has_a_recipe_and_every_name_leads_to_a_reward():
    assert {kwargs_of(recipe)["reward"] for recipe in RECIPES} == set(LABELS)
    for name in (*LABELS, "judged_rationale_reward"):
        made = RewardRegistry.get(name)
        assert made.model_fields["name"].default == name
        assert made.__doc__ and made.formula and made.source
        assert all(field.description for key, field in made.model_fields.items() if key != "name")


@EVERY_RECIPE
@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_every_answer_has_the_same_finite_numbers(recipe, data, pay):
    kwargs = kwargs_of(recipe)
    name, fields = kwargs["reward"], fields_of(recipe)
    written = WRITTEN[RECIPES[recipe].get("form") or FORM_OF[name]]
    text = data.draw(st.text() | st.just(written) | st.text(max_size=3).map(lambda more: written + more))
    label = LABELS[name]
    if name == "j1_reward":  # compares, which the function alone cannot
        result = _lone(fields, text, label)
    else:
        result = {key: value for key, value in pay(name, text, label, **fields).items() if key not in OWN_KEYS[1:]}
    reward = reward_of({"reward": name, **fields})
    assert result.keys() - {"score"} == set(reward.part_names)
    assert all(type(value) is float and math.isfinite(value) for value in result.values())
    low, high = reward.score_range
    assert low <= result["score"] <= high


def _lone(fields, text, label):
    from reward_fn.schema import DataOutput, DataSample, Step

    reward = reward_of({"reward": "j1_reward", **fields})
    (result,) = reward.score(DataSample(output=[DataOutput(answer=Step(content=text, label=label))]))
    return {"score": result.score, **{part.name: part.score for part in result.details}}


@EVERY_RECIPE
def test_the_config_of_a_recipe_is_read_by_the_adapter(recipe):
    read = Settings.read(kwargs_of(recipe))
    (reward,) = read.rewards.values()
    assert reward.name == kwargs_of(recipe)["reward"]
    if "form" in RECIPES[recipe]:
        form = FORMS[RECIPES[recipe].form]
        assert form.answers == 2
        # Where the form has no word for a tie, the data leave ties out.
        assert form.ties or RECIPES[recipe].drop_ties


@pytest.mark.parametrize("path", sorted((configs_dir() / "published").glob("*.yaml")), ids=lambda path: path.stem)
def test_published_sizes_are_applied_by_an_override_only(path):
    from rm_train.launch.config import compose_config

    plain = compose_config("pointwise", ["run_dir=here"])
    sized = compose_config("pointwise", [f"+published={path.stem}", "run_dir=here"])
    published = OmegaConf.load(path)
    assert "published" not in plain
    assert sized.data.train_batch_size == published.data.train_batch_size != plain.data.train_batch_size
    assert sized.actor_rollout_ref.actor.optim.lr == published.actor_rollout_ref.actor.optim.lr
    assert isinstance(sized.actor_rollout_ref.actor.optim.lr, float)
    assert any(path.stem in one.read_text() for one in (configs_dir() / "recipe").glob("*.yaml"))


def test_the_page_names_every_recipe_with_its_form():
    lines = Path("docs/recipes.md").read_text(encoding="utf-8").splitlines()
    rows = [line for line in lines if line.startswith("| `")]
    for recipe in RECIPES:
        form = RECIPES[recipe].get("form") or FORM_OF[kwargs_of(recipe)["reward"]]
        (row,) = (line for line in rows if f"`{recipe}`" in line.split("|")[1])
        assert f"`{form}`" in row.split("|")[2]
