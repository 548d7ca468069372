"""Presets fit their GPUs; what does not is refused, with settings that do."""

import re
from dataclasses import replace

import pytest
from presets_of_plans import changed, compose, reckoned

from rm_train.plan.fit import fits, recommend, refusals
from rm_train.plan.job import BETWEEN, HOST, NONE, Job, Settings
from rm_train.plan.memory import memory
from rm_train.plan.models import KNOWN
from rm_train.plan.page import MACHINES, MODELS, preset_job

FITTING = [(model, machine) for model in ("qwen3_8b", "qwen3_14b", "qwen2_5_14b") for machine in ("gpu8", "nodes")]
FITTING.append(("qwen3_32b", "nodes trainer.nnodes=4"))


@pytest.mark.parametrize(
    ("model", "machine", "tuning"),
    [*((*preset, "full") for preset in FITTING), ("qwen3_8b", "gpu8", "lora"), ("qwen2_5_14b", "nodes", "lora")],
)
def test_the_presets_are_what_is_recommended(model: str, machine: str, tuning: str) -> None:
    job, settings = reckoned(compose(model, machine, f"tuning={tuning}"))
    assert job == preset_job(model, machine, lora=tuning == "lora")
    assert settings == recommend(job)
    assert not refusals(job, settings, host_gib=1152)


@pytest.mark.parametrize("model", MODELS)
def test_one_gpu_holds_a_large_model_only_from_host_memory_or_with_adapters(model: str) -> None:
    job, settings = reckoned(compose(model, "gpu1"))
    assert not fits(job, settings)
    host = replace(settings, offload=HOST)
    split = memory(job, host).cache.value >= job.longest  # 32 billion weights are too many for one vLLM
    assert fits(job, host) == split == (model != "qwen3_32b")


def test_one_gpu_trains_eight_billion_weights_with_adapters() -> None:
    assert fits(*reckoned(compose("qwen3_8b", "gpu1", "tuning=lora")))


def test_one_gpu_trains_three_billion_parameters_as_it_is() -> None:
    job, settings = reckoned(compose("hf", "gpu1", "base_model_path=Qwen/Qwen2.5-3B-Instruct"))
    assert settings.offload == BETWEEN
    assert fits(job, settings)


_HOST = "actor_rollout_ref.actor.fsdp_config.offload_policy=true"
REFUSED = {
    "too large for one node": (
        ("qwen3_32b", "gpu8"),
        "training takes 111.1 GiB of a GPU, and 75.0 GiB are there",
        "write actor_rollout_ref.actor.fsdp_config.offload_policy=true, or tuning=lora",
    ),
    "micro-batches too large for two": (
        ("qwen3_32b", "nodes"),
        "training takes 80.5 GiB of a GPU",
        "write actor_rollout_ref.actor.ppo_max_token_len_per_gpu=18432",
    ),
    "a cache too small": (
        ("qwen2_5_14b", "gpu8", "actor_rollout_ref.rollout.gpu_memory_utilization=0.2"),
        "the KV cache of a replica holds 3,898 tokens, less than the longest sequence (6,144)",
        "write actor_rollout_ref.rollout.gpu_memory_utilization=0.6",
    ),
    "no room beside vLLM": (
        ("qwen3_14b", "gpu8", "actor_rollout_ref.rollout.gpu_memory_utilization=0.9"),
        "rollout takes 94.7 GiB of a GPU",
        "write actor_rollout_ref.rollout.gpu_memory_utilization=0.6",
    ),
    "KV heads that cannot be split": (
        ("hf", "gpu8", "base_model_path=Qwen/Qwen2.5-7B-Instruct",
         "actor_rollout_ref.rollout.tensor_model_parallel_size=8"),
        "8 does not divide the model's 4 KV heads",
        "write actor_rollout_ref.rollout.tensor_model_parallel_size=1",
    ),
    "a host too small": (
        ("qwen3_8b", "gpu1", _HOST),
        "a host needs 164.6 GiB of memory, and 136.8 GiB are there",
        "take hardware=gpu8 trainer.n_gpus_per_node=4",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_fit_is_refused_with_what_does(case: str) -> None:
    choices, what, fix = REFUSED[case]
    job, settings = reckoned(compose(*choices))
    first, *others = refusals(job, settings, host_gib=144 * job.gpus_per_node)
    assert what in first.what
    assert first.fix.startswith(fix)
    assert all(other.fix == "as above" for other in others)


@pytest.mark.parametrize("case", [case for case in REFUSED if REFUSED[case][2].startswith("write")])
def test_the_advice_fits(case: str) -> None:
    choices, _, _ = REFUSED[case]
    job, settings = reckoned(compose(*choices))
    advice = re.findall(r"\S+=[\w.]+", refusals(job, settings, None)[0].fix.partition(", or")[0])
    assert not refusals(*reckoned(changed(compose(*choices), advice)), host_gib=None)


def test_a_micro_batch_must_hold_a_longest_sequence() -> None:
    job = Job(KNOWN["Qwen/Qwen3-8B"], 1, 8)
    assert fits(job, Settings(1, 6144, 0.6, NONE))
    assert not fits(job, Settings(1, 6143, 0.6, NONE))


def test_more_gpus_are_named_where_no_settings_help() -> None:
    job, settings = reckoned(compose("hf", "gpu8", "base_model_path=meta-llama/Llama-3.1-70B-Instruct"))
    refused = refusals(job, settings, host_gib=1000)
    assert "take hardware=nodes ray=existing trainer.nnodes=2" in refused[0].fix


def test_nothing_is_recommended_where_nothing_fits() -> None:
    job = Job(KNOWN["Qwen/Qwen3-14B"], 1, 1, gpu_gib=23.0)
    assert recommend(job) is None
    assert refusals(job, Settings(1, 24576, 0.6, NONE), None)[0].fix.startswith("take hardware=gpu8")


def test_smaller_gpus_get_smaller_micro_batches_or_more_offload() -> None:
    wide, narrow = (recommend(Job(KNOWN["Qwen/Qwen3-8B"], 1, 8, gpu_gib=size)) for size in (79.0, 39.0))
    assert wide and narrow
    assert wide.offload == NONE and wide.tokens == 24576
    assert narrow.tokens < wide.tokens or narrow.offload in (BETWEEN, HOST)


def test_the_page_has_every_machine_that_presets_are_tested_on() -> None:
    assert {machine for _, machine in FITTING} <= set(MACHINES)
