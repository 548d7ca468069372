import pickle

import pytest

import reward_fn
from reward_fn.loading import RewardConfigError, load_attribute, load_reward, reward_of
from reward_fn.schema import DataOutput, DataSample, Step

MIX = """
reward: weighted_sum
name: mix
parts:
  right: accuracy
  length: {reward: length_penalty, max_length: 10, penalty_rate: 1e-1}
  routed:
    reward: router
    by: source
    routes:
      a:
        reward: gate
        condition: {reward: regex_match, pattern: 'a+'}
        then: {reward: clip, low: 0.5, of: f1_score}
    default: accuracy
weights: {right: 2}
"""


def written(tmp_path, text):
    path = tmp_path / "mix.yaml"
    path.write_text(text)
    return path


def test_a_file_describes_a_reward(tmp_path):
    reward = reward_fn.load_reward(written(tmp_path, MIX))
    sample = DataSample(output=[DataOutput(answer=Step(content="aa", label={"reference": "aa"}))], source="a")
    (result,) = reward.score(sample)
    assert result.name == "mix"
    assert result.score == pytest.approx((2 * 1 + (2 - 10) * 0.1 + 1) / 4)
    assert reward.part_names == ("right", "length", "routed")
    assert load_reward({"reward": "accuracy", "ignore_case": True}).ignore_case


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "max_length: 10",
            "max_lenght: 10",
            "length.max_lenght: there is no such field; did you mean max_length?",
        ),
        ("max_length: 10", "max_length: long", "parts.length.max_length: "),
        (
            "low: 0.5, of: f1_score",
            "low: 0.5, of: f1",
            "routes.a.then.of.reward: no reward is called 'f1'",
        ),
        ("pattern: 'a+'", "pattern: '('", "routes.a.condition: the pattern is no regular expression"),
        ("reward: regex_match, pattern: 'a+'", "reward: regex_match", "condition.pattern: this field is needed"),
        ("{reward: regex_match, pattern: 'a+'}", "7", "parts.routed.routes.a.condition: a reward is a name"),
        ("{reward: regex_match, pattern: 'a+'}", "{pattern: 'a+'}", "condition.reward: write the name of a reward"),
        ("weights: {right: 2}", "weights: {left: 2}", "weights has ['left']"),
        ("reward: weighted_sum", "reward: weighed_sum", "did you mean weighted_sum"),
        ("reward: weighted_sum", "reward: [", "this is not YAML"),
    ],
)
def test_a_mistake_is_told_with_the_file_and_the_key(tmp_path, old, new, told):
    path = written(tmp_path, MIX.replace(old, new, 1))
    with pytest.raises(RewardConfigError) as error:
        load_reward(path)
    assert str(path) in str(error.value)
    assert told in str(error.value)


def test_all_mistakes_are_told_at_once(tmp_path):
    text = MIX.replace("max_length: 10", "max_lenght: 10").replace("low: 0.5", "low: x")
    with pytest.raises(RewardConfigError) as error:
        load_reward(written(tmp_path, text))
    assert [key for key, _ in error.value.problems] == ["parts.length.max_lenght", "parts.routed.routes.a.then.low"]


def test_an_empty_file_is_no_reward(tmp_path):
    with pytest.raises(RewardConfigError, match="a reward is a name"):
        load_reward(written(tmp_path, ""))


def test_the_package_offers_its_names_lazily():
    assert all(hasattr(reward_fn, name) for name in reward_fn.__all__)
    with pytest.raises(AttributeError, match="nothing"):
        _ = reward_fn.nothing


def test_an_error_passes_between_processes():
    error = RewardConfigError([("parts.length", "is missing"), ("", "is empty")], "mix.yaml")
    read = pickle.loads(pickle.dumps(error))
    assert (str(read), read.problems, read.where) == (str(error), error.problems, "mix.yaml")


def test_functions_and_classes_are_rewards_too():
    def compute_score(data_source, solution_str, ground_truth, extra_info, scale=1):
        return {"score": scale * (solution_str == ground_truth)}

    label = {"reference": "4"}
    sample = DataSample(output=[DataOutput(answer=Step(content="4", label=label))], source="a")
    mix = reward_of(
        {"reward": "weighted_sum", "parts": {"mine": {"reward": compute_score, "scale": 3}, "ours": "accuracy"}}
    )
    assert mix.score(sample)[0].score == pytest.approx(2)
    assert reward_of({"reward": type(reward_of("accuracy")), "ignore_case": True}).ignore_case
    with pytest.raises(RewardConfigError, match="unexpected keyword argument 'scal'"):
        reward_of({"reward": compute_score, "scal": 3})
    with pytest.raises(RewardConfigError, match="a reward is a name, or a mapping"):
        reward_of(dict)


def test_a_name_is_loaded_from_a_file_or_a_package_as_verl_does(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("def compute_score(): pass\nlimit = 3\n")
    assert load_attribute(str(path), "compute_score").__name__ == "compute_score"
    assert (
        load_attribute("pkg://reward_fn.adapters.verl", "compute_score").__module__
        == "reward_fn.adapters.verl.function"
    )
    for name in ("compute_scores", "limit"):
        with pytest.raises(RewardConfigError, match=f"name: .*mine.py has no function '{name}'"):
            load_attribute(str(path), name)
