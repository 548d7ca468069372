"""A key or a value that means nothing is named before a run starts, with the one that was probably meant."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console

from rm_train.cli import main
from rm_train.data.converters import PAIR_CONVERTERS
from rm_train.launch.checks import ConfigError, Problem, Severity, settle
from rm_train.launch.checks.verl_keys import class_fields, verl_defaults
from rm_train.launch.config import configs_dir
from rm_train.nearest import nearest

CHOICES = [
    f"{group}={path.stem}"
    for group in ("recipe", "method", "dataset", "base_model", "hardware")
    for path in sorted((configs_dir() / group).glob("*.yaml"))
]
OF_PAIRS = {
    *(f"dataset={name}" for name in PAIR_CONVERTERS),
    *(f"recipe={path.stem}" for path in (configs_dir() / "recipe").glob("*.yaml") if "form: " in path.read_text()),
}
"""The choices that make sense for a judge of two answers only."""


@pytest.mark.parametrize("choice", CHOICES)
def test_every_choice_that_is_shipped_is_free_of_problems(choice, check, model):
    overrides = [choice]
    if choice == "base_model=hf":
        overrides.append(f"base_model_path={model}")
        overrides.append("data.max_response_length=512")  # the model's context is short
    if choice in ("dataset=rmb_pairs", "dataset=chosen_rejected"):
        overrides.append(f"dataset_path={model}")
    found = check(*overrides, dry_run=True, task="pairwise" if choice in OF_PAIRS else "pointwise")
    assert str(found.errors) == ""


@pytest.mark.parametrize("method", [choice for choice in CHOICES if choice.startswith("method=")])
def test_every_method_is_for_judges_of_pairs_too(method, check):
    assert str(check(method, dry_run=True, task="pairwise").errors) == ""


@pytest.mark.parametrize(
    ("task", "dataset", "said"),
    [
        ("pairwise", "synthetic", "dataset: is synthetic; pairwise_verdict_reward compares two answers"),
        (
            "pointwise",
            "synthetic_pairwise",
            "dataset: is synthetic_pairwise; pointwise_verdict_reward rates one answer",
        ),
    ],
)
def test_a_judge_is_not_paid_for_another_kind_of_verdict_than_its_data_has(task, dataset, said, check):
    assert said in str(check(f"dataset={dataset}", dry_run=True, task=task).errors)


def test_the_default_run_has_not_even_a_warning(check):
    assert str(check()) == ""


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("recipe=exakt", "there is no such recipe; choose one of exact, exp_decay, "),
        ("recipe=exakt", "(did you mean exact?)"),
        ("base_model=models/mine", "write base_model=hf base_model_path=models/mine"),
        ("dataset=my/ratings.jsonl", "write dataset=helpsteer2 dataset_path=my/ratings.jsonl"),
        ("stepz=3", "stepz=3: there is no such key; did you mean steps?"),
        ("trainer.save_frequency=3", "did you mean trainer.save_freq?"),
        ("optim.lr=3", "actor_rollout_ref.actor.optim.lr"),
        ("zzz=3", "no such key, nor one like it; see configs/ for ours, and verl's ppo_trainer.yaml (to add a key "
                  "that neither verl nor rm-train has: +zzz=3)"),
        ("~zzz", "no such key, nor one like it"),
        ("+trainer.nnodes=2", "the key exists, so it cannot be added; leave out the plus: trainer.nnodes=2"),
        ("seed", "seed: this is not an override; write KEY=VALUE"),
        ("runs_dir=[a", "a value with special characters needs quotes inside quotes: \"runs_dir='[a'\""),
    ],
)  # fmt: skip
def test_an_override_that_hydra_refuses_is_explained(override, said, refused):
    message = refused(override)
    assert said in message
    assert "search" not in message.lower()


def test_all_overrides_that_are_refused_are_named_together(refused):
    message = refused("stepz=3", "recipe=exakt", "seed=1")
    assert message.startswith("2 problems:")
    assert "stepz=3" in message and "recipe=exakt" in message


def test_an_unknown_task_offers_the_nearest_one(refused):
    said = "unknown task 'pointwize'; choose one of: pairwise, pointwise (did you mean pointwise?)"
    assert refused(task="pointwize") == said


def test_an_added_key_that_looks_like_one_of_verls_is_an_error(check):
    found = check("+trainer.total_step=4")
    assert str(found) == (
        "error: trainer.total_step: verl has no such key; did you mean trainer.total_training_steps? "
        "(if code of yours reads it: ++trainer.total_step=…)"
    )


def test_an_added_key_that_is_like_no_other_is_a_warning(check):
    found = check("+data.zzz=4")
    assert str(found).startswith("warning: data.zzz: verl's config has no such key, nor one like it")


@pytest.mark.parametrize(
    "override",
    [
        "++trainer.total_step=4",
        "+actor_rollout_ref.model.override_config.hidden_dropout=0.1",
        "+reward.custom_reward_function.reward_kwargs.failure_limit.rate=0.2",
        "+ray_kwargs.ray_init.log_to_driver=false",
        "+actor_rollout_ref.rollout.engine_kwargs.vllm.swap_space=1",
        "+my_own_section.anything=1",
    ],
)
def test_what_verl_leaves_open_and_what_is_forced_may_hold_any_key(override, check):
    assert str(check(override)) == ""


def test_an_unknown_key_in_a_config_file_is_named(check, tmp_path, monkeypatch):
    folder = tmp_path / "configs"
    folder.mkdir()
    for path in configs_dir().iterdir():
        (folder / path.name).symlink_to(path)
    (folder / "pointwise.yaml").unlink()
    text = (configs_dir() / "pointwise.yaml").read_text()
    experiment = "  experiment_name: pointwise"
    (folder / "pointwise.yaml").write_text(text.replace(experiment, f"{experiment}\n  save_frequ: 20"))
    monkeypatch.setattr("rm_train.launch.config.configs_dir", lambda: folder)
    assert "trainer.save_frequ: verl has no such key; did you mean trainer.save_freq?" in str(check().errors)


@pytest.mark.parametrize(
    ("override", "new"),
    [
        ("custom_reward_function.path=mine.py", "write reward.custom_reward_function.path"),
        ("custom_reward_function.name=score", "write reward.custom_reward_function.name"),
        ("+custom_reward_function.reward_kwargs.k=2", "write reward.custom_reward_function.reward_kwargs.k"),
        ("reward_model.reward_manager=dapo", "write reward.reward_manager.name"),
        ("reward_model.num_workers=4", "write reward.num_workers"),
        ("reward_model.enable=true", "write reward.reward_model.enable"),
        ("reward_model.model.path=judge", "write reward.reward_model.model_path"),
        ("reward_model.model.external_lib=lib", "leave it out, nothing has taken its place"),
        ("sandbox_fusion.url=http://x", "write reward.sandbox_fusion.url"),
    ],
)
def test_a_key_that_verl_ignores_is_an_error_that_names_the_new_one(override, new, check):
    found = check(override).errors
    assert len(found) == 1
    assert "verl ignores this key" in str(found)
    assert str(found).endswith(new)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("steps=0", "steps: is 0; write a whole number, 1 or more"),
        ("steps=abc", "steps: is 'abc'; write a whole number, 1 or more"),
        ("steps=1.5", "steps: is 1.5; write a whole number, 1 or more"),
        ("seed=-1", "seed: is -1; write a whole number, 0 or more"),
        ("val_rows=true", "val_rows: is True; write a whole number, 1 or more"),
        ("preflight_rows=-1", "preflight_rows: is -1; write a whole number, 0 or more"),
        ("attribute=helpfull", "(did you mean helpfulness?)"),
        ("on_bad_row=ignore", "on_bad_row: is 'ignore'; write one of stop, skip"),
        ("shuffle_targets=3", "shuffle_targets: is 3; write true or false"),
        ("max_train_rows=0", "max_train_rows: is 0; write a whole number, 1 or more, or null"),
        ("max_val_rows=some", "max_val_rows: is 'some'; write a whole number, 1 or more, or null"),
        ("longest_prompt=0", "longest_prompt: is 0; write a whole number, 1 or more"),
        ("cache_dir=7", "cache_dir: is 7; write text"),
        (
            "reward.custom_reward_function.reward_kwargs.recipe=linaer",
            "reward_kwargs.recipe: there is no recipe 'linaer'; choose one of exp_decay, linear, exact "
            "(did you mean linear?)",
        ),
        ("+reward.custom_reward_function.reward_kwargs.k=0", "reward_kwargs.k: Input should be greater than 0"),
        (
            "+reward.custom_reward_function.reward_kwargs.on_failure=drop_group",
            "data.gen_batch_size: is not 1, and on_failure=drop_group replaces single groups; write 1",
        ),
        ("+reward.custom_reward_function.reward_kwargs.on_failure=drop", "reward_kwargs.on_failure: write one of"),
        ("reward.custom_reward_function.reward_kwargs.reward=f2_score", "did you mean f1_score"),
        (
            "reward.reward_model.enable=true",
            "reward.reward_model.enable: beside the policy it is scored without ground truth; write",
        ),
        (
            "reward.custom_reward_function.path=mine.py",
            "path: is mine.py, and GalleryRewardManager scores by reward_kwargs without it; write "
            "reward.reward_manager.source=register reward.reward_manager.name=naive too",
        ),
        ("data.train_batch_size=many", "data.train_batch_size: is 'many'; write a number, such as verl's own 1024"),
        ("data.train_batch_size=1.5", "data.train_batch_size: is 1.5; write a whole number, 1 or more"),
        ("data.max_response_length=0", "data.max_response_length: is 0; write a whole number, 1 or more"),
        ("trainer.val_before_train=perhaps", "trainer.val_before_train: is 'perhaps'; write true or false"),
        ("algorithm.kl_ctrl=3", "algorithm.kl_ctrl: this is a section and not 3; set the keys in it"),
    ],
)
def test_a_value_that_means_nothing_is_named(override, said, check):
    assert said in str(check(override).errors)


def test_all_wrong_values_are_named_together(check):
    found = check("steps=0", "attribute=helpfull", "custom_reward_function.path=x", "+trainer.total_step=1")
    assert {problem.key for problem in found.errors} == {
        *("steps", "attribute", "custom_reward_function.path", "trainer.total_step")
    }


def test_a_reward_of_the_users_takes_its_own_arguments(check, tmp_path: Path):
    path = tmp_path / "mine.py"
    manager = ["reward.reward_manager.source=register", "reward.reward_manager.name=naive"]
    function = "reward.custom_reward_function"
    overrides = [f"{function}.path={path}", f"+{function}.reward_kwargs.k=zero", *manager]
    assert str(check(*overrides)) == ""


def test_the_nearest_name_is_found_word_by_word():
    names = verl_defaults("dp")["trainer"]
    assert nearest("total_step", names, 1) == ["total_training_steps"]
    assert nearest("n_gpus", names, 1) == ["n_gpus_per_node"]
    assert nearest("xyzzy", names) == []


def test_the_fields_of_verls_classes_are_read_from_its_source():
    fields = class_fields("verl.workers.config.FSDPEngineConfig")
    assert {"seed", "fsdp_size", "param_offload"} <= fields  # its own, and what it inherits
    assert class_fields("verl.utils.profiler.config.NsightToolConfig")


def test_the_command_lists_all_errors_and_creates_nothing(tmp_path):
    runs = tmp_path / "runs"
    done = CliRunner().invoke(main, ["train", f"runs_dir={runs}", "steps=0", "+data.zzz=1", "attribute=helpfull"])
    assert done.exit_code == 1
    assert "warning: data.zzz: verl's config has no such key" in done.output
    assert "Error: 2 problems:\n- steps: is 0" in done.output
    assert not runs.exists()


def test_errors_are_raised_together_and_warnings_printed():
    console = Console(record=True, width=200)
    settle([Problem("a", "is [odd]", "mend it", Severity.WARNING)], console)
    assert console.export_text() == "warning: a: is [odd]; mend it\n"
    with pytest.raises(ConfigError, match=r"^a: is bad; mend it$"):
        settle([Problem("a", "is bad", "mend it")], console)
    with pytest.raises(ConfigError, match="2 problems:\n- a: is bad; mend it\n- b: is bad; mend it"):
        settle([Problem(key, "is bad", "mend it") for key in "ab"], console)


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["dataset=synthetic_pairwise", "tie_share=1"], "tie_share: is 1; write a share from 0 to below 1"),
        (["+form=leter"], "(did you mean letter?)"),
        (["+drop_ties=3"], "drop_ties: is 3; write true or false"),
        (["dataset=chosen_rejected", "dataset_path=/", "+dataset_fields.choosen=a"], "write prompt, chosen, rejected"),
        (["dataset=chosen_rejected", "dataset_path=/", "dataset_fields.chosen=3"], "each the name of a field or null"),
    ],
)
def test_values_about_pairs_that_mean_nothing(overrides, said, check):
    assert said in str(check(*overrides, dry_run=True).errors)
