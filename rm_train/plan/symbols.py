"""The names that a plan's formulas are written in."""

from __future__ import annotations

from collections.abc import Mapping

from rm_train.plan.figure import GIB
from rm_train.plan.job import Job, Settings

MEANINGS: Mapping[str, str] = {
    "N": "weights of the model",
    "A": "weights that are trained",
    "S": "GPUs that share the trainer's state (FSDP2)",
    "T": "GPUs of a replica of vLLM (tensor parallel)",
    "W": "GPUs in all",
    "g": "GPUs of a node",
    "M": "tokens of a micro-batch on a GPU, at most",
    "L": "layers",
    "H": "hidden size",
    "V": "vocabulary",
    "b": "bytes of a weight in the trainer",
    "layer": "weights of a layer",
    "inside": "bytes of a token inside a layer",
    "cache": "bytes of a token in the KV cache",
    "gpu": "bytes of a GPU",
    "share": "vLLM's share of a GPU",
    "X": "weights of the critic",
    "batched": "tokens that vLLM computes at once",
}
"""What the names mean that a plan explains once; others are in the words of their line."""


def symbols(job: Job, settings: Settings) -> dict[str, float]:
    """Return the value of each name."""
    shape = job.shape
    return {
        "N": shape.parameters,
        "A": job.adapters or shape.parameters,
        "S": job.shards or job.gpus,
        "T": settings.tensor_parallel,
        "W": job.gpus,
        "g": job.gpus_per_node,
        "M": settings.tokens,
        "L": shape.layers,
        "H": shape.hidden,
        "V": shape.vocab,
        "b": job.trainer_bytes,
        "layer": shape.layer_parameters,
        "inside": shape.layer_bytes,
        "cache": shape.cache_bytes,
        "gpu": job.gpu_gib * GIB,
        "share": settings.utilization,
        "X": shape.critic_parameters,
        "batched": job.batched_tokens,
    }
