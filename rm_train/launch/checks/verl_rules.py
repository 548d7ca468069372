"""What verl's `validate_config` refuses beside sizes that do not divide: said before verl, and by name.

verl 0.9.1, utils/config.py and the `validate` methods of workers/config/{actor,critic}.py. There each of these is an
exception of its own, raised half a minute after the start.
"""

from __future__ import annotations

from collections.abc import Iterator

from omegaconf import DictConfig, OmegaConf

from rm_train.launch.checks.problem import Problem, warning
from rm_train.nearest import did_you_mean, nearest

_ACTOR, _CRITIC = "actor_rollout_ref.actor", "critic"
_ROLLOUT, _REFERENCE = "actor_rollout_ref.rollout", "actor_rollout_ref.ref"
_LOSS_MODES = ("token-mean", "token-sum", "seq-mean-token-sum", "seq-mean-token-mean", "seq-mean-token-sum-norm")
_MAX_LORA_RANK = 512
"""The largest rank that vLLM has kernels for."""


def verl_rule_problems(config: DictConfig) -> list[Problem]:
    """Find what verl would refuse, or what it would stumble over in a worker."""
    return [*_micro_batches(config), *_algorithm(config), *_lora(config)]


def engine_problems(config: DictConfig) -> list[Problem]:
    """Find another training engine than FSDP: our configs set its keys, and checks, plan and merge read them."""
    if config.model_engine == "dp":
        return []
    return [Problem("model_engine", f"is {config.model_engine}, and rm-train's configs are for verl's FSDP engine (dp)",
                    "leave it out, or run stock verl with its own config for that engine and the reward lines of "
                    "docs/verl.md")]  # fmt: skip


def uses_critic(config: DictConfig) -> bool:
    """Return whether verl trains a critic: when it is told to, or else when the advantages need one."""
    enable = OmegaConf.select(config, "critic.enable")
    return config.algorithm.adv_estimator == "gae" if enable is None else bool(enable)


def uses_reference(config: DictConfig) -> bool:
    """Return whether verl keeps a reference model."""
    return bool(config.algorithm.use_kl_in_reward or config.actor_rollout_ref.actor.use_kl_loss)


def _micro_batches(config: DictConfig) -> Iterator[Problem]:
    """Check that each micro-batch is given once, and under its new name."""
    actor_dynamic = config.actor_rollout_ref.actor.use_dynamic_bsz
    parts = [] if actor_dynamic else [(_ACTOR, "ppo_micro_batch_size"), (_ROLLOUT, "log_prob_micro_batch_size")]
    if uses_reference(config) and not actor_dynamic:
        parts.append((_REFERENCE, "log_prob_micro_batch_size"))
    if uses_critic(config) and not config.critic.use_dynamic_bsz:
        parts.append((_CRITIC, "ppo_micro_batch_size"))
    for part, name in parts:
        old, new = f"{part}.{name}", f"{part}.{name}_per_gpu"
        given, wanted = OmegaConf.select(config, old), OmegaConf.select(config, new)
        if given is not None:
            fix = f"write {new}={given if wanted is None else wanted} and leave this key out"
            yield Problem(old, "verl has replaced this key", fix)
        elif wanted is None:
            yield Problem(new, "must be set when use_dynamic_bsz is false", f"write {new}=1 or more")


def _algorithm(config: DictConfig) -> Iterator[Problem]:
    actor, rollout = config.actor_rollout_ref.actor, config.actor_rollout_ref.rollout
    if actor.loss_agg_mode not in _LOSS_MODES:
        near = nearest(str(actor.loss_agg_mode), _LOSS_MODES, 1)
        fix = did_you_mean(near) if near else f"choose one of {', '.join(_LOSS_MODES)}"
        yield Problem(f"{_ACTOR}.loss_agg_mode", f"verl has no {actor.loss_agg_mode!r}", fix)
    if rollout.val_kwargs.do_sample and rollout.temperature <= 0:
        yield Problem(f"{_ROLLOUT}.temperature", f"is {rollout.temperature}, and the validation samples",
                      f"write a number above 0, or {_ROLLOUT}.val_kwargs.do_sample=false")  # fmt: skip
    if (actor.get("ulysses_sequence_parallel_size") or 1) > 1 and not config.actor_rollout_ref.model.use_remove_padding:
        yield Problem("actor_rollout_ref.model.use_remove_padding", "sequence parallelism works without padding only",
                      f"write true, or {_ACTOR}.ulysses_sequence_parallel_size=1")  # fmt: skip
    if config.algorithm.adv_estimator == "grpo" and rollout.n == 1:
        yield warning(f"{_ROLLOUT}.n", "GRPO compares the samples of one prompt, and a single one has no other",
                      "write 2 or more")  # fmt: skip
    if rollout.log_prob_use_dynamic_bsz != actor.use_dynamic_bsz:
        yield Problem(f"{_ROLLOUT}.log_prob_use_dynamic_bsz", f"must be as {_ACTOR}.use_dynamic_bsz",
                      f"write {str(actor.use_dynamic_bsz).lower()}, or leave it out")  # fmt: skip


def _lora(config: DictConfig) -> Iterator[Problem]:
    model = config.actor_rollout_ref.model
    lora = model.get("lora") or {}
    rank = 0 if lora.get("merge") else lora.get("rank") or model.get("lora_rank") or 0
    if rank > _MAX_LORA_RANK and config.actor_rollout_ref.rollout.name == "vllm":
        yield Problem("actor_rollout_ref.model.lora_rank", f"{rank} is more than vLLM serves",
                      f"write {_MAX_LORA_RANK} or less")  # fmt: skip
