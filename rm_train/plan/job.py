"""What a config asks for, as far as memory and time depend on it."""

from __future__ import annotations

from dataclasses import dataclass

from omegaconf import DictConfig, ListConfig

from rm_train.launch.checks.verl_rules import uses_critic, uses_reference
from rm_train.plan.figure import GIB
from rm_train.plan.shape import BF16, FP32, Shape

HEADROOM = 0.95
"""The share of a GPU, and of a host's memory, that is planned with; the rest is the allocator's fragmentation."""


@dataclass(frozen=True, slots=True)
class Offload:
    """What of a trainer's state is in host memory, and when.

    Attributes:
        weights: The weights while another phase runs (`param_offload`).
        moments: Adam's moments then (`optimizer_offload`).
        host: All of it always, and Adam runs there; layers come to the GPU one by one (`offload_policy`). Slow.
    """

    weights: bool = False
    moments: bool = False
    host: bool = False

    def __str__(self) -> str:
        if self.host:
            return "host"
        parts = [name for name, leaves in (("weights", self.weights), ("moments", self.moments)) if leaves]
        return "between phases" if len(parts) == 2 else " ".join(parts) or "none"


NONE, BETWEEN, HOST = Offload(), Offload(weights=True, moments=True), Offload(host=True)


@dataclass(frozen=True, slots=True)
class Critic:
    """PPO's second model: tokens of its micro-batches, and where its state is."""

    tokens: int
    offload: Offload


@dataclass(frozen=True, slots=True)
class Job:
    """What is trained on what: lengths in tokens, `batch` prompts of `samples` answers a step, memory in GiB.

    Attributes:
        shape: The model.
        nodes: Machines.
        gpus_per_node: GPUs of each.
        prompt: The longest prompt.
        response: The longest answer.
        batch: Prompts of a step.
        samples: Answers to each.
        mini_batch: Prompts of an update.
        epochs: How often a batch is learned from.
        gpu_gib: Memory of a GPU; 79 is what an 80 GB A100 or H100 shows.
        adapters: Weights of LoRA adapters; 0 where the whole model is trained.
        reference: Whether there is a KL reference.
        critic: PPO's critic.
        recomputed: Whether the trainer computes the log-probabilities of the samples anew.
        shards: GPUs that share one trainer's state; 0 for all.
        trainer_bytes: Bytes of a weight in the trainer.
        checkpointing: Whether gradient checkpointing is on.
        batched_tokens: What vLLM computes at once.
        sequences: The most that a replica generates at once.
    """

    shape: Shape
    nodes: int
    gpus_per_node: int
    prompt: int = 4096
    response: int = 2048
    batch: int = 96
    samples: int = 4
    mini_batch: int = 24
    epochs: int = 1
    gpu_gib: float = 79.0
    adapters: int = 0
    reference: bool = False
    critic: Critic | None = None
    recomputed: bool = False
    shards: int = 0
    trainer_bytes: int = FP32
    checkpointing: bool = True
    batched_tokens: int = 8192
    sequences: int = 256

    @property
    def gpus(self) -> int:
        """GPUs in all."""
        return self.nodes * self.gpus_per_node

    @property
    def longest(self) -> int:
        """The longest sequence, in tokens."""
        return self.prompt + self.response

    @property
    def budget(self) -> float:
        """Bytes of a GPU that are planned with."""
        return HEADROOM * self.gpu_gib * GIB


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of verl's that decide on memory.

    Attributes:
        tensor_parallel: `rollout.tensor_model_parallel_size`, the GPUs of a replica of vLLM.
        tokens: `actor.ppo_max_token_len_per_gpu`, tokens of a micro-batch.
        utilization: `rollout.gpu_memory_utilization`, vLLM's share of a GPU.
        offload: Where the trainer's state is.
    """

    tensor_parallel: int
    tokens: int
    utilization: float
    offload: Offload


def job_of(config: DictConfig, shape: Shape, gpu_gib: float) -> Job:
    """Return a config's job on GPUs of a size."""
    data, trainer, parts = config.data, config.trainer, config.actor_rollout_ref
    actor, rollout, engine = parts.actor, parts.rollout, parts.actor.fsdp_config
    return Job(
        shape=shape,
        nodes=trainer.nnodes,
        gpus_per_node=trainer.n_gpus_per_node,
        prompt=data.max_prompt_length,
        response=data.max_response_length,
        batch=data.train_batch_size,
        samples=rollout.n,
        mini_batch=actor.ppo_mini_batch_size,
        epochs=actor.ppo_epochs,
        gpu_gib=gpu_gib,
        adapters=_adapters(parts.model, shape),
        reference=uses_reference(config),
        critic=_critic(config) if uses_critic(config) else None,
        recomputed=not (config.algorithm.get("rollout_correction") or {}).get("bypass_mode", False),
        shards=max(0, engine.fsdp_size),
        trainer_bytes=BF16 if engine.model_dtype in ("bf16", "bfloat16") else FP32,
        checkpointing=parts.model.enable_gradient_checkpointing,
        batched_tokens=rollout.max_num_batched_tokens,
        sequences=rollout.max_num_seqs,
    )


def settings_of(config: DictConfig) -> Settings:
    """Return the settings of a config that decide on its memory."""
    actor, rollout = config.actor_rollout_ref.actor, config.actor_rollout_ref.rollout
    return Settings(
        tensor_parallel=rollout.tensor_model_parallel_size,
        tokens=_tokens(config, actor),
        utilization=rollout.gpu_memory_utilization,
        offload=_offload(actor.fsdp_config),
    )


def _tokens(config: DictConfig, part: DictConfig) -> int:
    """Return the most tokens of a micro-batch on a GPU, for the actor or the critic."""
    if part.use_dynamic_bsz:
        return int(part.ppo_max_token_len_per_gpu)
    longest = config.data.max_prompt_length + config.data.max_response_length
    return int((part.ppo_micro_batch_size_per_gpu or 1) * longest)


def _offload(engine: DictConfig) -> Offload:
    return HOST if engine.offload_policy else Offload(engine.param_offload, engine.optimizer_offload)


def _critic(config: DictConfig) -> Critic:
    return Critic(_tokens(config, config.critic), _offload(config.critic.fsdp))


def _adapters(model: DictConfig, shape: Shape) -> int:
    named = model.target_modules
    return shape.adapter_parameters(model.lora_rank, list(named) if isinstance(named, ListConfig) else None)
