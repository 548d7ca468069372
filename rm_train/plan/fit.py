"""Whether settings fit, why not, and which would."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace

from rm_train.launch.checks.problem import Problem
from rm_train.plan.figure import GIB, Unit, shown
from rm_train.plan.job import BETWEEN, HEADROOM, HOST, NONE, Job, Settings
from rm_train.plan.memory import memory

_ACTOR, _ROLLOUT = "actor_rollout_ref.actor", "actor_rollout_ref.rollout"
_TOKENS, _SHARE = f"{_ACTOR}.ppo_max_token_len_per_gpu", f"{_ROLLOUT}.gpu_memory_utilization"
_SPLIT, _ENGINE = f"{_ROLLOUT}.tensor_model_parallel_size", f"{_ACTOR}.fsdp_config"

MOST_SEQUENCES = 4
"""Longest sequences in a micro-batch: with more, the GPU is busy already and only the risk grows."""
CACHE_SEQUENCES = 24
"""Longest sequences that the KV cache of a replica must hold at once, if it has so many. Typical ones are far shorter,
and what does not fit waits its turn."""
MOST_NODES = 64
"""Where the search for enough GPUs ends."""
LORA_RANK = 32
"""The rank of tuning=lora."""

UTILIZATION = {NONE: 0.6, BETWEEN: 0.8, HOST: 0.8}
"""vLLM's share of a GPU beside a trainer that stays there (verl's examples have 0.4 to 0.6), and beside none."""

_KEYS = {"rollout": _SHARE, "weight sync": f"{_ENGINE}.param_offload"}
"""Phase -> the key that it depends on most; of the others it is the size of a micro-batch."""


def refusals(job: Job, settings: Settings, host_gib: float | None) -> list[Problem]:
    """Return why the memory is not enough, the first reason with the nearest settings that fit; nothing if it is.

    Args:
        job: What is trained.
        settings: With which settings.
        host_gib: Memory of a host; None where it is not known.
    """
    found = list(_reasons(job, settings, host_gib))
    fixes = [_nearest(job, settings, host_gib), *["as above"] * (len(found) - 1)] if found else []
    return [Problem(key, what, fix) for (key, what), fix in zip(found, fixes, strict=True)]


def fits(job: Job, settings: Settings, host_gib: float | None = None) -> bool:
    """Return whether the memory is enough, a micro-batch holds a longest sequence, and replicas divide a node."""
    if settings.tokens < job.longest or job.gpus_per_node % settings.tensor_parallel:
        return False
    return next(_reasons(job, settings, host_gib), None) is None


def recommend(job: Job, host_gib: float | None = None, cached: int = CACHE_SEQUENCES) -> Settings | None:
    """Return the settings to take: the least offload, then the fewest GPUs a replica, then the most tokens.

    Args:
        job: What is trained.
        host_gib: Memory of a host; None where it is not known.
        cached: How many of the longest sequences the KV cache of a replica must hold, if it has so many.

    Returns:
        The settings; None where nothing fits.
    """
    for offload in (NONE, BETWEEN, HOST):
        for split in (size for size in (1, 2, 4, 8) if job.gpus_per_node % size == 0):
            for sequences in range(MOST_SEQUENCES, 0, -1):
                settings = Settings(split, sequences * job.longest, UTILIZATION[offload], offload)
                wanted = min(cached, job.batch * job.samples * split / job.gpus) * job.longest
                if fits(job, settings, host_gib) and memory(job, settings).cache.value >= wanted:
                    return settings
    return None


def overrides(settings: Settings) -> tuple[str, ...]:
    """Return settings as a run takes them."""
    offload = settings.offload
    return (
        f"{_SPLIT}={settings.tensor_parallel}",
        f"{_TOKENS}={settings.tokens}",
        f"{_SHARE}={settings.utilization}",
        f"{_ENGINE}.param_offload={str(offload.weights).lower()}",
        f"{_ENGINE}.optimizer_offload={str(offload.moments).lower()}",
        f"{_ENGINE}.offload_policy={str(offload.host).lower()}",
    )


def changes(settings: Settings, other: Settings) -> tuple[str, ...]:
    """Return what to write to come from some settings to others."""
    return tuple(new for new, old in zip(overrides(other), overrides(settings), strict=True) if new != old)


def _reasons(job: Job, settings: Settings, host_gib: float | None) -> Iterator[tuple[str, str]]:
    """Yield the key and the reason of everything that memory is not enough for."""
    taken, split = memory(job, settings), settings.tensor_parallel
    if job.shape.kv_heads % split:
        yield _SPLIT, f"{split} does not divide the model's {job.shape.kv_heads} KV heads"
    for phase in taken.phases:
        if phase.total > job.budget:
            yield _KEYS.get(phase.name, _TOKENS), (
                f"{phase.name} takes {shown(phase.total, Unit.GIB)} of a GPU, and {shown(job.budget, Unit.GIB)} are "
                f"there ({HEADROOM:.0%} of {job.gpu_gib:g})")  # fmt: skip
    if taken.cache.value < job.longest:
        yield _SHARE, (f"the KV cache of a replica holds {taken.cache.value:,.0f} tokens, less than the longest "
                       f"sequence ({job.longest:,})")  # fmt: skip
    if host_gib is not None and taken.host > (room := HEADROOM * host_gib * GIB):
        key = "offload_policy" if settings.offload.host else "optimizer_offload"
        yield f"{_ENGINE}.{key}", (
            f"a host needs {shown(taken.host, Unit.GIB)} of memory, and {shown(room, Unit.GIB)} are there "
            f"({HEADROOM:.0%} of {host_gib:g}; --host-gib says otherwise)")  # fmt: skip


def _nearest(job: Job, settings: Settings, host_gib: float | None) -> str:
    """Return what to write instead: one key if one is enough, or several, or more GPUs; and whether LoRA would do."""
    also = "" if job.adapters else _with_adapters(job, host_gib)
    if best := recommend(job, host_gib) or recommend(job, host_gib, cached=1):
        single = (replace(settings, **{field.name: getattr(best, field.name)}) for field in fields(settings))
        change = next((other for other in single if fits(job, other, host_gib)), best)
        return f"write {' '.join(changes(settings, change))}{also if change.offload.host else ''}"
    for wider in _wider(job):
        if best := recommend(wider, host_gib):
            return f"take {_machines(wider)} {' '.join(changes(settings, best))}".rstrip() + also
    return f"take a smaller model, or shorter prompts and answers{also}"


def _with_adapters(job: Job, host_gib: float | None) -> str:
    """Return that LoRA would fit, if it would."""
    adapters = replace(job, adapters=job.shape.adapter_parameters(LORA_RANK))
    return ", or tuning=lora" if recommend(adapters, host_gib) else ""


def _wider(job: Job) -> Iterator[Job]:
    """Yield the job on more GPUs of a node, and then on more nodes."""
    for gpus in (2, 4, 8):
        if job.nodes == 1 and gpus > job.gpus_per_node:
            yield replace(job, gpus_per_node=gpus)
    for nodes in range(job.nodes + 1, MOST_NODES + 1):
        yield replace(job, nodes=nodes, gpus_per_node=max(job.gpus_per_node, 8))


def _machines(job: Job) -> str:
    """Return the overrides that ask for a job's machines."""
    each = "" if job.gpus_per_node == 8 else f" trainer.n_gpus_per_node={job.gpus_per_node}"
    return f"hardware=gpu8{each}" if job.nodes == 1 else f"hardware=nodes ray=existing trainer.nnodes={job.nodes}{each}"
