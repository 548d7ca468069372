"""Every hardware config composes with every other choice, and verl takes the result."""

import shlex
from collections.abc import Iterator
from itertools import cycle, product
from pathlib import Path

import pytest
from click.testing import CliRunner
from omegaconf import DictConfig, OmegaConf, open_dict

from rm_train.cli import main
from rm_train.launch.checks.own_keys import OWN_KEYS
from rm_train.launch.checks.unknown_keys import unknown_keys
from rm_train.launch.config import compose_config, configs_dir

MACHINES = {"cpu": (1, 1), "gpu1": (1, 1), "gpu8": (1, 8), "nodes": (2, 8)}
"""Nodes, and GPUs in each."""


def options(group: str) -> list[str]:
    return sorted(path.stem for path in (configs_dir() / group).glob("*.yaml"))


def compose(
    machine: str, model: str, dataset: str, recipe: str, *overrides: str, task: str = "pointwise"
) -> DictConfig:
    choices = [f"hardware={machine}", f"base_model={model}", f"dataset={dataset}", f"recipe={recipe}"]
    return compose_config(task, [*choices, "base_model_path=somewhere", *overrides])


def all_machines_and_models() -> Iterator[tuple[str, str, str, str]]:
    """Each pair once; data sets and recipes take turns."""
    others = cycle(product(options("dataset"), options("recipe")))
    return ((*pair, *next(others)) for pair in product(options("hardware"), options("base_model")))


REFERENCE_KEYS = {
    "log_prob_micro_batch_size": "ppo_micro_batch_size",
    "log_prob_micro_batch_size_per_gpu": "ppo_micro_batch_size_per_gpu",
    "log_prob_use_dynamic_bsz": "use_dynamic_bsz",
    "log_prob_max_token_len_per_gpu": "ppo_max_token_len_per_gpu",
}
"""What verl's worker calls a reference model's keys before it reads them as an actor's."""


def verl_accepts(config: DictConfig) -> None:
    """Let verl check the config, and make of it the objects that its workers are built from."""
    from verl.trainer.ppo.utils import need_critic, need_reference_policy
    from verl.utils.config import omega_conf_to_dataclass, validate_config

    parts, critic = config.actor_rollout_ref, config.critic
    on_gpu = config.trainer.device == "cuda"
    with open_dict(critic):
        critic.pop("model")  # reads a model folder
    name = parts.rollout.name
    if parts.model.lora_rank:
        parts.rollout.name = "hf_cpu"  # else verl asks vLLM for its largest rank, and that is not installed here
    validate_config(config, need_reference_policy(config), need_critic(config))
    parts.rollout.name = name
    with open_dict(config):
        for old, new in REFERENCE_KEYS.items():
            parts.ref[new] = parts.ref.pop(old)
    actor, rollout, reference, values = map(omega_conf_to_dataclass, (parts.actor, parts.rollout, parts.ref, critic))
    assert rollout.name == ("vllm" if on_gpu else "hf_cpu")
    assert (actor.engine.strategy, reference.engine.strategy) == ("fsdp2", "fsdp2")
    assert actor.use_dynamic_bsz == rollout.log_prob_use_dynamic_bsz == reference.use_dynamic_bsz == on_gpu
    assert actor.fsdp_config.entropy_checkpointing == on_gpu
    assert values.ppo_mini_batch_size == actor.ppo_mini_batch_size


def test_there_is_a_test_for_each_hardware() -> None:
    assert options("hardware") == sorted(MACHINES)


@pytest.mark.parametrize("choices", all_machines_and_models(), ids="-".join)
def test_verl_takes_every_model_on_every_hardware(choices: tuple[str, str, str, str]) -> None:
    config = compose(*choices)
    assert (config.trainer.nnodes, config.trainer.n_gpus_per_node) == MACHINES[choices[0]]
    verl_accepts(config)


@pytest.mark.parametrize("machine", sorted(MACHINES))
def test_verl_takes_a_critic_on_every_hardware(machine: str) -> None:
    config = compose(machine, "qwen3_8b", "helpsteer2", "exact", "method=ppo")
    verl_accepts(config)
    assert config.critic.strategy == "fsdp2"


REAL_MODELS = ["hf", "qwen2_5_14b", "qwen3_14b", "qwen3_32b", "qwen3_8b"]


@pytest.mark.parametrize("machine", ["gpu1", "gpu8", "nodes"])
@pytest.mark.parametrize("model", REAL_MODELS)
def test_verl_takes_adapters_of_every_large_model_that_compares_answers(machine: str, model: str) -> None:
    config = compose(machine, model, "helpsteer3", "rm_gallery_pairwise", "tuning=lora", task="pairwise")
    actor, rollout = config.actor_rollout_ref.actor, config.actor_rollout_ref.rollout
    assert config.actor_rollout_ref.model.lora_rank == 32
    assert (actor.optim.lr, actor.checkpoint.save_lora_only, rollout.load_format) == (1e-5, True, "safetensors")
    assert not [problem for problem in unknown_keys([], config, list(OWN_KEYS)) if "lora" in problem.key]
    verl_accepts(config)


def test_the_tuning_is_of_all_weights_unless_one_asks_for_adapters() -> None:
    config = compose("gpu8", "qwen3_8b", "helpsteer2", "exact")
    assert config.actor_rollout_ref.model.lora_rank == 0
    assert config.actor_rollout_ref.actor.optim.lr == 1e-6


DRY_RUNS = [("pointwise", "gpu1", "qwen3_8b", "lora"), ("pointwise", "gpu8", "qwen3_8b", "full"),
            ("pointwise", "nodes", "qwen2_5_14b", "full"), ("pairwise", "nodes", "qwen3_32b", "lora")]  # fmt: skip


@pytest.mark.parametrize(("task", "machine", "model", "tuning"), DRY_RUNS)
def test_every_machine_is_ready_to_train(tmp_path: Path, task: str, machine: str, model: str, tuning: str) -> None:
    result = CliRunner().invoke(
        main, ["train", task, "--dry-run", f"hardware={machine}", f"base_model={model}", f"tuning={tuning}",
               f"runs_dir={tmp_path / 'runs'}"],
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    config, _, command = result.stdout.rstrip("\n").rsplit("\n", 2)
    assert f"tuning={tuning}" in shlex.split(command)
    assert OmegaConf.create(config).tuning == tuning
    assert "rm-train plan" not in result.stderr  # it fits


def test_two_gpus_are_the_config_for_eight_with_another_count() -> None:
    config = compose("gpu8", "qwen3_14b", "helpsteer2", "exact", "trainer.n_gpus_per_node=2")
    verl_accepts(config)
    assert config.ray_kwargs.ray_init.num_gpus == 2


def test_the_judges_are_trained_as_the_published_ones() -> None:
    config = compose("gpu8", "qwen2_5_14b", "helpsteer2", "exp_decay")
    actor, rollout = config.actor_rollout_ref.actor, config.actor_rollout_ref.rollout
    assert (config.data.train_batch_size, actor.ppo_mini_batch_size, rollout.n) == (96, 24, 4)
    assert (config.data.max_prompt_length, config.data.max_response_length) == (4096, 2048)
    assert (actor.optim.lr, actor.use_kl_loss, actor.kl_loss_coef, actor.kl_loss_type) == (
        1e-6, True, 0.001, "low_var_kl",
    )  # fmt: skip


def test_the_cpu_bounds_what_a_model_asks_for() -> None:
    config = compose("cpu", "qwen3_14b", "helpsteer2", "exact")
    assert config.actor_rollout_ref.rollout.tensor_model_parallel_size == 1
    assert config.actor_rollout_ref.actor.ppo_mini_batch_size == config.data.train_batch_size


def test_the_hardware_config_alone_has_no_ray_counts_on_gpus() -> None:
    assert compose("cpu", "tiny", "synthetic", "exact").ray_kwargs.ray_init.num_cpus == 16
    # 3 CPUs for each of 8 GPUs, and verl's reward and agent workers: more than 16, so Ray counts the machine's.
    assert compose("gpu8", "tiny", "synthetic", "exact").ray_kwargs.ray_init.num_cpus is None
