"""The table of `docs/sizing.md`: `python -m rm_train.plan.page` prints it."""

from __future__ import annotations

from dataclasses import replace

from rm_train.plan.figure import GIB
from rm_train.plan.fit import LORA_RANK, recommend
from rm_train.plan.job import Job, Settings
from rm_train.plan.memory import memory
from rm_train.plan.models import KNOWN

MODELS = {
    "qwen3_8b": "Qwen/Qwen3-8B",
    "qwen3_14b": "Qwen/Qwen3-14B",
    "qwen2_5_14b": "Qwen/Qwen2.5-14B-Instruct",
    "qwen3_32b": "Qwen/Qwen3-32B",
}
"""The presets of `configs/base_model` that are reckoned for GPUs, by name."""

MACHINES = {"gpu1": (1, 1), "gpu8": (1, 8), "nodes": (2, 8), "nodes trainer.nnodes=4": (4, 8)}
"""What `hardware=` takes: nodes, and GPUs of each."""

_HEADS = ("base_model", "hardware", "tuning", "training", "of it states", "activations", "rollout", "of it trainer",
          "weight sync", "KV cache, tokens a replica", "tensor parallel", "tokens a micro-batch", "vLLM's share",
          "offload", "host memory, a node")  # fmt: skip


def preset_job(base_model: str, hardware: str, *, lora: bool = False) -> Job:
    """Return what a preset trains on a machine, with the lengths and batch of `base_model=qwen3_8b`."""
    nodes, gpus = MACHINES[hardware]
    job = Job(KNOWN[MODELS[base_model]], nodes, gpus, reference=True)
    return replace(job, adapters=job.shape.adapter_parameters(LORA_RANK)) if lora else job


def table() -> str:
    """Return the recommended settings of the presets as a Markdown table, in GiB a GPU."""
    rows: list[tuple[str, ...]] = [_HEADS, ("---",) * len(_HEADS)]
    for base_model in MODELS:
        for hardware in MACHINES:
            for tuning in ("full", "lora"):
                job = preset_job(base_model, hardware, lora=tuning == "lora")
                settings = recommend(job)
                cells = _cells(job, settings) if settings else ("does not fit",) * (len(_HEADS) - 3)
                rows.append((base_model, hardware, tuning, *cells))
    return "\n".join("| " + " | ".join(row) + " |" for row in rows) + "\n"


def _cells(job: Job, settings: Settings) -> tuple[str, ...]:
    taken = memory(job, settings)
    training, rollout, sync = (taken.phase(name) for name in ("training", "rollout", "weight sync"))
    sizes = (training.total, training.of("states"), training.of("activations"), rollout.total, rollout.of("trainer"),
             sync.total)  # fmt: skip
    return (
        *(f"{size / GIB:.1f}" for size in sizes),
        f"{taken.cache.value:,.0f}",
        str(settings.tensor_parallel),
        str(settings.tokens),
        str(settings.utilization),
        str(settings.offload),
        f"{taken.host / GIB:.0f}",
    )


if __name__ == "__main__":
    print(table(), end="")  # noqa: T201 - the table is what the command is for
