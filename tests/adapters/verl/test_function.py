"""`compute_score` as verl's own code loads and calls it."""

import asyncio
import math
import pickle
import threading

import pytest
from omegaconf import OmegaConf
from verl.trainer.ppo.reward import get_custom_reward_fn

from reward_fn.adapters.verl.scorer import MEASURES, scorer_of
from reward_fn.adapters.verl.settings import Settings
from reward_fn.loading import RewardConfigError
from reward_fn.schema import RewardError

MIX = {
    "reward": "weighted_sum",
    "parts": {"format": "reasoning_format", "match": {"reward": "string_match"}},
    "weights": {"format": 0.25, "match": 0.75},
}
RIGHT = "<think>I add.</think><answer>4</answer>"
KEYS = {"score", "failed", "failure_kind", *MEASURES}


def loaded(name="compute_score", **kwargs):
    """What verl's reward workers make of a config."""
    function = {"path": "pkg://reward_fn.adapters.verl", "name": name, "reward_kwargs": kwargs}
    return get_custom_reward_fn(OmegaConf.create({"reward": {"custom_reward_function": function}}))


def call(function, answer=RIGHT, ground_truth="4", data_source="a", extra_info=None):
    result = function(
        data_source=data_source, solution_str=answer, ground_truth=ground_truth, extra_info=extra_info or {}
    )
    return asyncio.run(result) if asyncio.iscoroutine(result) else result


@pytest.mark.parametrize("name", ["compute_score", "compute_score_sync"])
def test_a_mix_gives_its_score_and_its_parts(name):
    function = pickle.loads(pickle.dumps(loaded(name, **MIX)))
    result = call(function, "<think>I add.</think><answer>4</answer>")
    assert result.keys() == KEYS | {"format", "match"}
    assert result["format"] == 1
    assert result["score"] == pytest.approx(0.25 * result["format"] + 0.75 * result["match"])
    assert result["failed"] == 0
    assert 0 < result["seconds"] < 10


def test_fields_stand_beside_the_name_or_under_it():
    beside = loaded(reward="length_penalty", min_length=50, penalty_rate=0.5)
    under = loaded(reward={"reward": "length_penalty", "min_length": 50, "penalty_rate": 0.5})
    assert call(beside)["score"] == call(under)["score"] < 0


def test_a_file(tmp_path):
    path = tmp_path / "mix.yaml"
    path.write_text("reward: string_match\nname: mine\n")
    result = call(loaded(reward_file=str(path)), "4")
    assert result.keys() == KEYS
    assert result["score"] == 1


@pytest.mark.parametrize("name", ["compute_score", "compute_score_sync"])
def test_a_constant_keeps_the_keys_of_failed_samples_first_or_last(name):
    function = loaded(name, **MIX, on_failure={"constant": -0.5})
    failed = call(function, ground_truth=None)
    good = call(function)
    assert list(failed) == list(good)
    assert (failed["score"], failed["failed"], failed["format"]) == (-0.5, 1, 0)
    assert all(type(value) is float and math.isfinite(value) for value in [*failed.values(), *good.values()])


@pytest.mark.parametrize("policy", ["raise", "drop_group", None])
@pytest.mark.parametrize("name", ["compute_score", "compute_score_sync"])
def test_other_policies_raise(name, policy):
    with pytest.raises(RewardError, match="match: a row of a: the label's reference is missing"):
        call(loaded(name, **MIX, on_failure=policy), ground_truth=None)


def test_routes_by_data_source_have_the_keys_of_all():
    routes = {"openai/gsm8k": MIX, "chat": "length_penalty"}
    function = loaded(routes=routes, on_failure={"constant": 0})
    math_row, chat_row = call(function, data_source="openai/gsm8k"), call(function, data_source="chat")
    assert math_row.keys() == chat_row.keys() == KEYS | {"format", "match", "route"}
    assert (math_row["route"], chat_row["route"]) == (0, 1)
    assert (math_row["format"], chat_row["format"]) == (1, 0)
    unknown = call(function, data_source="other")
    assert unknown["failed"] == 1 and unknown.keys() == math_row.keys()
    with_default = loaded(routes={**routes, "default": "string_match"})
    assert call(with_default, "4", data_source="other")["route"] == 2


def test_is_built_once_for_all_threads(monkeypatch):
    built = []
    read = Settings.read
    monkeypatch.setattr(Settings, "read", lambda kwargs: built.append(1) or read(kwargs))
    kwargs = {"reward": "string_match", "name": "only_in_this_test"}
    start = threading.Barrier(8)
    found = []

    def work():
        start.wait()
        found.append(scorer_of(OmegaConf.create(kwargs)))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(map(id, found))) == len(built) == 1


def test_another_config_is_another_reward():
    low, high = loaded(reward="scale", of="string_match", factor=2), loaded(reward="scale", of="string_match", factor=3)
    assert [call(low, "4")["score"], call(high, "4")["score"], call(low, "4")["score"]] == [2, 3, 2]


def test_the_router_of_a_reward_model_is_not_a_field():
    assert (
        asyncio.run(
            loaded(reward="string_match")(
                data_source="a", solution_str="4", ground_truth="4", extra_info=None, reward_router_address="x:1"
            )
        )["score"]
        == 1
    )


@pytest.mark.parametrize(
    ("kwargs", "said"),
    [
        ({}, "reward_kwargs: write one of reward, reward_file, routes"),
        ({"reward": "a", "reward_file": "b"}, "there are reward and reward_file"),
        ({"reward": "string_mach"}, "reward: no reward is called 'string_mach'"),
        ({"reward": "length_penalty", "min_lenght": 3}, "min_lenght: there is no such field; did you mean min_length"),
        ({"reward_file": "x.yaml", "min_length": 3}, "min_length: is no setting here"),
        ({"routes": {"a": {"reward": "length_penalty", "max": 1}}}, r"routes\.a\.max: there is no such field"),
        ({"routes": []}, "routes: write a reward for each data_source"),
        ({"reward": "string_match", "on_failure": "zero"}, "on_failure: write one of raise, drop_group, group_mean or"),
        ({"reward": "string_match", "on_failure": {"constant": math.nan}}, "on_failure"),
        ({"reward": "string_match", "fields": {"answer": "x"}}, r"fields\.answer"),
        ({"reward": "string_match", "alarms": {"window": 1}}, r"alarms\.window: Input should be greater"),
        ({"reward": "string_match", "hosting": {"rules": {"workers": 0}}}, r"hosting\.rules\.workers: Input should"),
        ({"reward": "string_match", "preflight": True}, "preflight: write its settings, or false"),
    ],
)
def test_wrong_settings_are_named(kwargs, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.yaml").write_text("reward: string_match")
    with pytest.raises(RewardConfigError, match=said):
        Settings.read(kwargs)


def test_a_part_may_not_have_a_name_of_ours():
    with pytest.raises(RewardConfigError, match="'score' is a name of ours"):
        scorer_of({"reward": "weighted_sum", "parts": {"score": "string_match", "b": "reasoning_format"}})


@pytest.mark.parametrize(
    ("setting", "key"),
    [
        ({**MIX, "on_failure": "group_mean"}, "on_failure"),
        ({**MIX, "on_truncated": {"constant": 0}}, "on_truncated"),
        ({**MIX, "log": {"folder": "x"}}, "log"),
        ({"reward": "safety_listwise_reward", "llm": {"model": "m", "api_key": "k"}}, "reward"),
    ],
)
def test_what_a_function_cannot_do_is_refused(setting, key):
    with pytest.raises(RewardConfigError, match=f"{key}: .* use the reward manager"):
        call(loaded(**setting))


def test_look_ups_in_caches_are_a_number():
    function = loaded(reward="cached", of="string_match")
    assert [call(function, answer)["cached"] for answer in ("only here", "only here", "here too")] == [0, 1, 0]
