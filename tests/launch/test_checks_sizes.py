"""Sizes that do not fit together are named with the nearest ones that do, as far as verl would refuse them."""

import pytest
from hydra.errors import InstantiationException

from rm_train.launch.config import compose_config

ACTOR, ROLLOUT = "actor_rollout_ref.actor", "actor_rollout_ref.rollout"
MICRO, MINI = f"{ACTOR}.ppo_micro_batch_size_per_gpu", f"{ACTOR}.ppo_mini_batch_size"

REFUSED_BY_VERL = [
    (["data.train_batch_size=31", f"{ROLLOUT}.n=3", "trainer.n_gpus_per_node=2"],
     "data.train_batch_size: 31 prompts x 3 samples cannot be shared by 2 workers; write 30 or 32",
     "real_train_batch_size"),
    ([f"{MINI}=64"], f"{MINI}: is 64, and data.train_batch_size is 32; write 1 to 32",
     "must be >= actor.ppo_mini_batch_size"),
    ([f"{MICRO}=null"], f"{MICRO}: must be set when use_dynamic_bsz is false; write {MICRO}=1 or more",
     "Please set at least one of"),
    ([f"{ACTOR}.ppo_micro_batch_size=8"],
     f"{ACTOR}.ppo_micro_batch_size: verl has replaced this key; write {MICRO}=16 and leave this key out",
     "You have set both"),
    ([f"{ROLLOUT}.log_prob_micro_batch_size_per_gpu=null"],
     f"{ROLLOUT}.log_prob_micro_batch_size_per_gpu: must be set when use_dynamic_bsz is false",
     "Please set at least one of"),
    ([f"{ROLLOUT}.log_prob_micro_batch_size=8"],
     f"{ROLLOUT}.log_prob_micro_batch_size: verl has replaced this key",
     "You have set both"),
    ([f"{ACTOR}.use_kl_loss=true", "actor_rollout_ref.ref.log_prob_micro_batch_size_per_gpu=null"],
     "actor_rollout_ref.ref.log_prob_micro_batch_size_per_gpu: must be set",
     "Please set at least one of"),
    ([f"{ACTOR}.loss_agg_mode=token_mean"],
     f"{ACTOR}.loss_agg_mode: verl has no 'token_mean'; did you mean token-mean",
     "Invalid loss_agg_mode"),
    ([f"{ROLLOUT}.val_kwargs.do_sample=true", f"{ROLLOUT}.temperature=0"],
     f"{ROLLOUT}.temperature: is 0, and the validation samples; write a number above 0",
     "temperature should be greater than 0"),
    ([f"{ACTOR}.ulysses_sequence_parallel_size=2", "trainer.n_gpus_per_node=2"],
     "actor_rollout_ref.model.use_remove_padding: sequence parallelism works without padding only",
     "must enable `use_remove_padding`"),
    (["algorithm.adv_estimator=gae", "critic.ppo_mini_batch_size=64", "critic.ppo_micro_batch_size_per_gpu=8"],
     "critic.ppo_mini_batch_size: is 64, and data.train_batch_size is 32; write 1 to 32",
     "must be >= critic.ppo_mini_batch_size"),
    (["algorithm.adv_estimator=gae", "critic.ppo_micro_batch_size_per_gpu=null"],
     "critic.ppo_micro_batch_size_per_gpu: must be set when use_dynamic_bsz is false",
     "Please set at least one of"),
]  # fmt: skip
"""What `validate_config` refuses, what is said about it here, and what verl says."""

REFUSED_BY_ITS_WORKERS = [
    ([f"{MICRO}=24"], f"{MICRO}: 24 does not divide the 128 samples of a mini-batch on each worker; write 16 or 32"),
    ([f"{MINI}=3", "trainer.n_gpus_per_node=8"],
     f"{MINI}: 3 prompts x 4 samples cannot be shared by 8 data-parallel workers evenly; write 2 or 4"),
    ([f"{ROLLOUT}.tensor_model_parallel_size=3", "trainer.n_gpus_per_node=8"],
     f"{ROLLOUT}.tensor_model_parallel_size: replicas of 3 GPUs do not divide 1 x 8 GPUs evenly; write 2 or 4"),
    ([f"{ACTOR}.ulysses_sequence_parallel_size=3", "trainer.n_gpus_per_node=8",
      "actor_rollout_ref.model.use_remove_padding=true"],
     f"{ACTOR}.ulysses_sequence_parallel_size: 3 does not divide the 8 workers; write 2 or 4"),
    ([f"{ACTOR}.fsdp_config.fsdp_size=3", "trainer.n_gpus_per_node=8"],
     f"{ACTOR}.fsdp_config.fsdp_size: 3 does not divide the 8 workers; write 2 or 4"),
    (["algorithm.rollout_correction.bypass_mode=false", f"{ROLLOUT}.log_prob_micro_batch_size_per_gpu=24"],
     f"{ROLLOUT}.log_prob_micro_batch_size_per_gpu: 24 does not divide the 128 samples of a batch on each worker"),
    ([f"{ACTOR}.use_kl_loss=true", "actor_rollout_ref.ref.log_prob_micro_batch_size_per_gpu=24"],
     "actor_rollout_ref.ref.log_prob_micro_batch_size_per_gpu: 24 does not divide the 128 samples"),
    (["algorithm.adv_estimator=gae", "critic.ppo_micro_batch_size_per_gpu=24"],
     "critic.ppo_micro_batch_size_per_gpu: 24 does not divide the 128 samples of a mini-batch on each worker"),
    ([f"{ACTOR}.use_dynamic_bsz=true", f"{ROLLOUT}.log_prob_use_dynamic_bsz=false"],
     f"{ROLLOUT}.log_prob_use_dynamic_bsz: must be as {ACTOR}.use_dynamic_bsz; write true, or leave it out"),
    (["actor_rollout_ref.model.lora_rank=1024", f"{ROLLOUT}.name=vllm"],
     "actor_rollout_ref.model.lora_rank: 1024 is more than vLLM serves; write 512 or less"),
]  # fmt: skip


@pytest.mark.parametrize(("overrides", "said"), [row[:2] for row in REFUSED_BY_VERL] + REFUSED_BY_ITS_WORKERS)
def test_sizes_that_do_not_fit_are_named_with_those_that_do(overrides, said, check):
    assert said in str(check(*overrides, dry_run=True).errors)


def verls_verdict(overrides, model):
    """Let verl's own validation decide; a critic gets a model that can be loaded."""
    from verl.trainer.ppo.utils import need_critic, need_reference_policy
    from verl.utils.config import validate_config

    config = compose_config("pointwise", [*overrides, f"critic.model.path={model}"])
    validate_config(config, need_reference_policy(config), need_critic(config))


@pytest.mark.parametrize(("overrides", "verl_says"), [(row[0], row[2]) for row in REFUSED_BY_VERL])
def test_verl_refuses_these_configs_itself(overrides, verl_says, model):
    # verl's dataclasses check themselves while Hydra makes them, which then wraps their errors.
    with pytest.raises((ValueError, AssertionError, InstantiationException), match=verl_says):
        verls_verdict(overrides, model)


@pytest.mark.parametrize(
    "overrides",
    [
        ["trainer.n_gpus_per_node=2"],
        ["data.train_batch_size=8", f"{ROLLOUT}.n=8", f"{MICRO}=64"],
        ["algorithm.adv_estimator=gae", "critic.ppo_micro_batch_size_per_gpu=16"],
        [f"{ACTOR}.use_kl_loss=true", "actor_rollout_ref.ref.log_prob_micro_batch_size_per_gpu=16"],
        ["trainer.n_gpus_per_node=2", f"{ROLLOUT}.tensor_model_parallel_size=2"],
        [f"{ACTOR}.use_dynamic_bsz=true", f"{MICRO}=null"],
    ],
)
def test_verl_and_the_checks_accept_these_sizes(overrides, check, model):
    assert str(check(*overrides, f"critic.model.path={model}").errors) == ""
    verls_verdict(overrides, model)


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["data.train_batch_size=32", f"{MINI}=12"],
         f"{MINI}: 12 does not divide data.train_batch_size (32), so verl fills the last mini-batch with empty rows"),
        ([f"{ROLLOUT}.n=1"], f"{ROLLOUT}.n: GRPO compares the samples of one prompt, and a single one has no other"),
    ],
)  # fmt: skip
def test_sizes_with_which_verl_goes_on_are_warned_about(overrides, said, check):
    found = check(*overrides)
    assert said in str(found)
    assert str(found.errors) == ""


@pytest.mark.parametrize("key", [f"{ROLLOUT}.tensor_model_parallel_size", f"{ACTOR}.ulysses_sequence_parallel_size"])
def test_attention_heads_are_shared_evenly(key, check, model):
    overrides = [
        *(f"base_model_path={model}", "trainer.n_gpus_per_node=8", f"{MICRO}=8"),
        "actor_rollout_ref.model.use_remove_padding=true",
    ]
    found = check(*overrides, f"{key}=8")
    assert f"{key}: 8 does not divide the model's 4 attention heads; write 4" in str(found.errors)
    assert str(check(*overrides, f"{key}=4").errors) == ""
