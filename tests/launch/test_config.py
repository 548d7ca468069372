"""Configs compose on verl's own, name their run folder, and say what is wrong with an override."""

from pathlib import Path

import pytest

from rm_train.launch.checks import ConfigError
from rm_train.launch.config import compose_config, configs_dir, task_names
from rm_train.launch.pipeline import prepare_settings
from rm_train.launch.run_folder import RunFolder
from rm_train.launch.verl_run import training_command, training_environment


def run_dir(*overrides: str) -> str:
    return str(compose_config("pointwise", overrides).run_dir)


def test_the_config_is_verls_own_with_ours_on_top() -> None:
    config = compose_config("pointwise", [])
    assert config.algorithm.adv_estimator == "grpo"
    assert config.reward.custom_reward_function.path == "pkg://reward_fn.adapters.verl"
    assert config.reward.custom_reward_function.reward_kwargs == {
        "reward": "pointwise_verdict_reward",
        "recipe": "exact",
        "preflight": False,
    }
    assert config.actor_rollout_ref.rollout.name == "hf_cpu"
    assert config.actor_rollout_ref.actor.clip_ratio == 0.2  # untouched: verl's default
    assert config.data.train_files == f"{config.run_dir}/data/train.parquet"


def test_verl_itself_accepts_the_config() -> None:
    from verl.trainer.ppo.utils import need_critic, need_reference_policy
    from verl.utils.config import validate_config

    for overrides in ([], ["recipe=linear", "dataset=helpsteer2", "dataset_path=x.jsonl"]):
        config = compose_config("pointwise", overrides)
        validate_config(config, need_reference_policy(config), need_critic(config))


def test_the_run_folder_is_a_function_of_config_and_seed() -> None:
    assert run_dir() == run_dir("recipe=exact") == run_dir("on_bad_row=skip")
    others = [run_dir("seed=1"), run_dir("steps=7"), run_dir("recipe=linear"), run_dir("shuffle_targets=true")]
    assert len({run_dir(), *others}) == 5
    assert Path(run_dir("runs_dir=elsewhere")) == Path.cwd() / "elsewhere" / Path(run_dir()).name
    assert run_dir("run_dir=here") == str(Path.cwd() / "here")


def test_every_choice_of_every_group_composes() -> None:
    for group in ("recipe", "dataset", "base_model"):
        for choice in sorted((configs_dir() / group).glob("*.yaml")):
            config = compose_config("pointwise", [f"{group}={choice.stem}", "base_model_path=somewhere"])
            assert config.base_model_path == "somewhere"


def test_a_model_of_the_users_needs_its_path() -> None:
    with pytest.raises(ConfigError, match="base_model_path=FOLDER_OR_HUB_NAME"):
        compose_config("pointwise", ["base_model=hf"])


def test_the_tasks_are_the_configs_at_the_top() -> None:
    assert task_names() == ["pairwise", "pointwise"]


def test_the_data_settings_come_from_the_config() -> None:
    config = compose_config(
        "pointwise", ["dataset=helpsteer2", "dataset_path=ratings.jsonl", "attribute=coherence", "max_val_rows=9"]
    )
    settings = prepare_settings(config)
    assert (settings.dataset, settings.path, settings.attribute) == ("helpsteer2", "ratings.jsonl", "coherence")
    assert settings.max_val_rows == 9
    assert settings.out_dir == RunFolder(Path(config.run_dir)).data


def test_the_data_settings_of_pairs_come_from_the_config() -> None:
    named = ["dataset=chosen_rejected", "dataset_path=mine.jsonl", "dataset_fields.chosen=better"]
    assert prepare_settings(compose_config("pointwise", named)).fields == {"chosen": "better"}
    config = compose_config("pointwise", ["dataset=synthetic_pairwise", "tie_share=0.3", "+form=letter"])
    settings = prepare_settings(config)
    assert (settings.dataset, settings.path, settings.tie_share) == ("synthetic_pairwise", None, 0.3)
    assert (settings.form, settings.drop_ties) == ("letter", False)


def test_the_command_is_stock_verl_with_the_overrides(tmp_path: Path) -> None:
    overrides = ["recipe=linear", "run_dir=here"]
    config = compose_config("pointwise", overrides)
    command = training_command("pointwise", overrides, config)
    assert command[1:3] == ["-m", "verl.trainer.main_ppo"]
    assert command[-2:] == ["recipe=linear", f"run_dir={Path.cwd() / 'here'}"]


def test_the_environment_keeps_what_the_user_has_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    config = compose_config("pointwise", [f"base_model_path={tmp_path}"])
    environment = training_environment(config, tmp_path / "m.jsonl")
    assert environment["OMP_NUM_THREADS"] == "7"
    assert environment["VERL_PLATFORM"] == "cpu"
    assert environment["HF_HUB_OFFLINE"] == "1"
