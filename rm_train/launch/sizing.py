"""How much GPU memory a run takes, by arithmetic: the reasons for the numbers in `configs/hardware` and `base_model`.

verl's colocated trainer and vLLM share each GPU and take turns. This module adds up what each holds in each phase and
derives from it the settings that fit. It imports no torch and looks at no GPU; nothing here has been measured on one.
`python -m rm_train.launch.sizing` prints the table of `docs/sizing.md`.

Sources: mixed-precision Adam keeps 16 bytes a parameter (Rajbhandari et al. 2020, ZeRO, section 3.1; here all in
float32, as verl's FSDP2 engine trains); activations follow Korthikanti et al. 2022, "Reducing Activation Recomputation
in Large Transformer Models", with flash attention, grouped queries and a gated MLP; the KV cache is Kwon et al. 2023,
"Efficient Memory Management for LLM Serving with PagedAttention"; what is on the GPU when is read in verl 0.9.1
(`workers/engine_workers.py`, `update_weights`; `workers/engine/fsdp/transformer_impl.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

GIB = 2**30
BF16, FP32 = 2, 4

HEADROOM = 0.95
"""The share of a GPU that is planned with; the rest is the allocator's fragmentation."""
OVERHEAD = 3 * GIB
"""CUDA contexts of the trainer and of vLLM, NCCL's buffers and vLLM's CUDA graphs, which sleeping does not free."""
BUCKET = 2 * GIB
"""The buffer in which weights go to vLLM: verl's `update_weights_bucket_megabytes`."""
ENGINE_TOKENS = 8192
"""What vLLM computes at once: `max_num_batched_tokens`."""
ENTROPY_CHUNK = 2048
"""Rows for which verl computes the entropy at once: `entropy_from_logits_chunk_size`."""

MOST_SEQUENCES = 4
"""Longest sequences in a micro-batch: with more, the GPU is busy already and only the risk grows."""
CACHE_SEQUENCES = 24
"""Longest sequences that the KV cache of a replica must hold at once, if it has so many. Typical ones are far shorter,
and what does not fit waits its turn."""


class Offload(str, Enum):
    """Where the trainer's weights and optimizer state are."""

    NONE = "none"
    """On the GPU, always."""
    BETWEEN = "between phases"
    """In host memory while vLLM generates (`param_offload`, `optimizer_offload`)."""
    HOST = "host"
    """In host memory, where Adam runs too; layers come to the GPU one by one (`offload_policy`). Slow."""


UTILIZATION = {Offload.NONE: 0.6, Offload.BETWEEN: 0.8, Offload.HOST: 0.8}
"""vLLM's share of a GPU beside a trainer that stays there (verl's examples have 0.4 to 0.6), and beside none."""


@dataclass(frozen=True, slots=True)
class Model:
    """A decoder-only transformer with grouped queries, a gated MLP and RMS norms, as its config.json has it."""

    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    intermediate: int
    vocab: int
    tied_embeddings: bool = False

    @property
    def layer_parameters(self) -> int:
        """Weights of a layer: query, key, value and output projections, gate, up and down, two norms."""
        attention = 2 * self.hidden * self.head_dim * (self.heads + self.kv_heads)
        return attention + 3 * self.hidden * self.intermediate + 2 * self.hidden

    @property
    def head_parameters(self) -> int:
        """Weights of the output projection, the largest single tensor."""
        return self.vocab * self.hidden

    @property
    def parameters(self) -> int:
        """All weights; biases, a ten-thousandth of them, are left out."""
        embeddings = self.head_parameters * (1 if self.tied_embeddings else 2)
        return embeddings + self.layers * self.layer_parameters + self.hidden

    @property
    def cache_bytes(self) -> int:
        """KV cache of a token in bfloat16: a key and a value for each layer and KV head."""
        return 2 * self.layers * self.kv_heads * self.head_dim * BF16


@dataclass(frozen=True, slots=True)
class Job:
    """What is trained on what: lengths in tokens, `batch` prompts of `samples` answers a step, memory in GiB."""

    model: Model
    gpus: int
    gpus_per_node: int
    prompt: int = 4096
    response: int = 2048
    batch: int = 96
    samples: int = 4
    gpu_gib: float = 79.0
    """What an 80 GB A100 or H100 shows."""

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
    """The settings of verl's that decide on memory."""

    tensor_parallel: int
    """`rollout.tensor_model_parallel_size`."""
    tokens: int
    """`actor.ppo_max_token_len_per_gpu`: tokens of a micro-batch."""
    utilization: float
    """`rollout.gpu_memory_utilization`."""
    offload: Offload


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes on each GPU."""

    states: float
    """Training: weights, gradients and Adam's two moments, all float32, sharded over all GPUs."""
    gathered: float
    """Training: two layers and the head in bfloat16, and the head's gradient before it is sharded."""
    activations: float
    """Training: the checkpointed input of each layer, one layer computed anew, logits and their gradient."""
    resident: float
    """Rollout: what the trainer keeps on the GPU; gradients are freed after the update."""
    engine: float
    """Rollout: vLLM's share, with its weights and KV cache."""
    syncing: float
    """Between the two: vLLM's weights, the trainer's, the largest tensor gathered, and the bucket."""
    cache_tokens: int
    """Tokens in the KV cache of a replica."""
    host: float
    """Host memory for what is offloaded, a GPU's part."""

    @property
    def training(self) -> float:
        """The peak while the policy is updated."""
        return self.states + self.gathered + self.activations + OVERHEAD

    @property
    def rollout(self) -> float:
        """The peak while vLLM generates."""
        return self.resident + self.engine + OVERHEAD

    @property
    def peak(self) -> float:
        """The most that is taken in any phase."""
        return max(self.training, self.rollout, self.syncing + OVERHEAD)


def memory(job: Job, settings: Settings) -> Memory:
    """Add up what each GPU holds in each phase."""
    model, shard = job.model, job.model.parameters / job.gpus
    on_gpu = settings.offload is not Offload.HOST
    resident = 3 * FP32 * shard if settings.offload is Offload.NONE else 0.0
    replica_weights = BF16 * model.parameters / settings.tensor_parallel
    engine = settings.utilization * job.gpu_gib * GIB
    cache = engine - replica_weights - ENGINE_TOKENS * (_layer_bytes(model) + FP32 * model.hidden)
    return Memory(
        states=4 * FP32 * shard if on_gpu else 0.0,
        gathered=2 * BF16 * model.layer_parameters + (2 * BF16 + FP32) * model.head_parameters,
        activations=settings.tokens * _token_bytes(model) + 3 * FP32 * ENTROPY_CHUNK * model.vocab,
        resident=resident,
        engine=engine,
        syncing=resident + replica_weights + FP32 * model.head_parameters + BUCKET,
        cache_tokens=max(0, int(cache * settings.tensor_parallel / model.cache_bytes)),
        host={Offload.NONE: 0, Offload.BETWEEN: 3, Offload.HOST: 4}[settings.offload] * FP32 * shard,
    )


def _token_bytes(model: Model) -> int:
    """Return what a token of a micro-batch takes: a checkpoint for each layer, one layer, logits and their gradient."""
    return BF16 * (model.layers * model.hidden + 2 * model.vocab) + _layer_bytes(model)


def _layer_bytes(model: Model) -> int:
    """Return what a token takes inside a layer: norms and residuals, queries, keys, values, the MLP's four products."""
    attention = 2 * model.head_dim * (model.heads + 2 * model.kv_heads)
    return BF16 * (6 * model.hidden + attention + 4 * model.intermediate)


def fits(job: Job, settings: Settings) -> bool:
    """Return whether all phases stay in the budget, a longest sequence fits a micro-batch, and the cache is enough."""
    taken = memory(job, settings)
    sequences = min(CACHE_SEQUENCES, job.batch * job.samples * settings.tensor_parallel / job.gpus)
    return settings.tokens >= job.longest and taken.peak <= job.budget and taken.cache_tokens >= sequences * job.longest


def recommend(job: Job) -> Settings | None:
    """Return the settings that fit: the least offload, then the fewest GPUs a replica, then the most tokens.

    Returns:
        The settings; None where nothing fits.
    """
    splits = [size for size in (1, 2, 4, 8) if job.gpus_per_node % size == 0 and job.model.kv_heads % size == 0]
    for offload in Offload:
        for split in splits:
            for sequences in range(MOST_SEQUENCES, 0, -1):
                settings = Settings(split, sequences * job.longest, UTILIZATION[offload], offload)
                if fits(job, settings):
                    return settings
    return None


MODELS = {
    "qwen3_8b": Model(36, 4096, 32, 8, 128, 12288, 151936),
    "qwen3_14b": Model(40, 5120, 40, 8, 128, 17408, 151936),
    "qwen2_5_14b": Model(48, 5120, 40, 8, 128, 13824, 152064),
}
"""The presets of `configs/base_model`, by name, as their config.json on the hub has them."""

MACHINES = {"gpu1": (1, 1), "gpu8": (8, 8), "nodes": (16, 8)}
"""The presets of `configs/hardware`: GPUs in all, and in each node."""


def table() -> str:
    """Return the presets as a Markdown table, in GiB a GPU."""
    heads = ("base_model", "hardware", "training", "of it states", "activations", "rollout", "of it trainer",
             "weight sync", "KV cache, tokens a replica", "tensor parallel", "tokens a micro-batch",
             "vLLM's share", "offload", "host memory, all")  # fmt: skip
    rows = [heads, ("---",) * len(heads)]
    for name, model in MODELS.items():
        for machine, (gpus, per_node) in MACHINES.items():
            job = Job(model, gpus, per_node)
            settings = recommend(job)
            rows.append((name, machine, *(_cells(job, settings) if settings else ("does not fit",) * 12)))
    return "\n".join("| " + " | ".join(row) + " |" for row in rows) + "\n"


def _cells(job: Job, settings: Settings) -> tuple[str, ...]:
    taken = memory(job, settings)
    sizes = (taken.training, taken.states, taken.activations, taken.rollout, taken.resident, taken.syncing + OVERHEAD)
    return (
        *(f"{size / GIB:.1f}" for size in sizes),
        f"{taken.cache_tokens:,}",
        str(settings.tensor_parallel),
        str(settings.tokens),
        str(settings.utilization),
        settings.offload.value,
        f"{taken.host * job.gpus / GIB:.0f}",
    )


if __name__ == "__main__":
    print(table(), end="")  # noqa: T201 - the table is what the command is for
