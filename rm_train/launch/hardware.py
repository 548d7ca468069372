"""`hardware=auto`: looks at the machine, or at the Ray cluster that is joined, and chooses a hardware config.

The choice becomes plain overrides before anything is composed: the run folder, `run.json` and the command that can be
pasted are those of a run that was told so, and stock verl, which knows no "auto", runs the same. torch is not imported:
it takes seconds, and a CUDA context would take memory from the run.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Sequence
from dataclasses import dataclass

from rm_train.launch.checks.versions import FLASH_ATTENTION
from rm_train.launch.nodes.ask import cluster_nodes
from rm_train.launch.nodes.on_node.gpus import Gpu, NoGpuError, gpus
from rm_train.launch.nodes.on_node.software import torch_cuda

_LARGEST = 8
"""GPUs of a node that hardware=gpu8 takes without being told."""
_PLANNED_MIB = 70 * 1024
"""GPUs with less memory are not the 80 GB ones that the configs are reckoned for."""


@dataclass(frozen=True, slots=True)
class Found:
    """What there is to train on.

    Attributes:
        nodes: Machines with GPUs.
        gpus: GPUs that each of them has at least.
        words: The same for a reader, with what else matters.
    """

    nodes: int
    gpus: int
    words: str


def with_hardware(overrides: Sequence[str]) -> tuple[tuple[str, ...], str | None]:
    """Replace `hardware=auto`, or no word about hardware, by what this machine or cluster can run.

    Args:
        overrides: Hydra overrides as the user gave them.

    Returns:
        The overrides with an explicit `hardware=…`, and one line that says what was found, what was chosen and why;
        None instead of the line where the user has chosen.

    Raises:
        ConfigError: The Ray cluster that is to be joined does not answer.
    """
    given = dict(override.split("=", 1) for override in overrides if "=" in override)
    if given.get("hardware", "auto") != "auto":
        return tuple(overrides), None
    others = [override for override in overrides if override != "hardware=auto"]
    joined = given.get("ray") == "existing"
    found = _cluster(given.get("ray_address", "auto")) if joined else _machine()
    missing = _missing() if found.gpus else None
    if missing:
        chosen, why = ["hardware=cpu"], f", which cannot be used: {missing}"
    else:
        chosen, why = _choice(found), ""
    told = given.keys() - {"hardware"}
    explicit = [override for override in chosen if override.split("=", 1)[0] not in told]
    return (*explicit, *others), f"{found.words}{why}; chosen: {' '.join(explicit)} (hardware=NAME overrules)"


def _choice(found: Found) -> list[str]:
    """Return the overrides for what was found."""
    if found.gpus == 0:
        return ["hardware=cpu"]
    # Batches and tensor parallelism divide by powers of two.
    gpus = min(2 ** (found.gpus.bit_length() - 1), _LARGEST)
    each = [] if gpus == _LARGEST else [f"trainer.n_gpus_per_node={gpus}"]
    if found.nodes > 1:
        return ["hardware=nodes", f"trainer.nnodes={found.nodes}", *each]
    return ["hardware=gpu1"] if gpus == 1 else ["hardware=gpu8", *each]


def _machine() -> Found:
    """Ask for the GPUs of this machine, as far as CUDA_VISIBLE_DEVICES shows them."""
    try:
        found = gpus()
    except NoGpuError as error:
        return Found(1, 0, str(error))
    shown = os.environ.get("CUDA_VISIBLE_DEVICES")
    if shown is not None:
        found = _visible(found, shown)
        if not found:
            return Found(1, 0, f"found no GPU that CUDA_VISIBLE_DEVICES={shown} shows")
    smallest = min(found, key=lambda gpu: gpu.mib)
    words = f"found {len(found)} x {smallest.name} with {smallest.mib / 1024:.0f} GiB"
    if smallest.mib < _PLANNED_MIB:
        words += " (the configs are reckoned for 80 GB; for smaller GPUs see docs/sizing.md)"
    return Found(1, len(found), words)


def _visible(found: list[Gpu], shown: str) -> list[Gpu]:
    """Return the GPUs that CUDA_VISIBLE_DEVICES names, by index or start of UUID; CUDA stops at one it cannot find."""
    visible: list[Gpu] = []
    for name in shown.split(","):
        match = [
            gpu for gpu in found if name and (gpu.number == name.strip() or gpu.uuid.startswith(name.strip() or "-"))
        ]
        if not match or match[0] in visible:
            break
        visible.append(match[0])
    return visible


def _cluster(address: str) -> Found:
    """Ask a Ray cluster what its nodes have."""
    nodes = [node["total"] for node in cluster_nodes(address) if node["alive"]]
    # Ray names the type of GPUs that it has seen itself; without it, the count is one that somebody gave: a ticket.
    counts = [int(node["GPU"]) for node in nodes if node.get("GPU") and any("accelerator_type:" in key for key in node)]
    if not counts:
        return Found(len(nodes), 0, f"found a Ray cluster of {len(nodes)} nodes without GPUs")
    return Found(len(counts), min(counts), f"found a Ray cluster with {'+'.join(map(str, counts))} GPUs")


def _missing() -> str | None:
    """Return what verl lacks to use GPUs, with the fix; None when all is there."""
    if importlib.util.find_spec("torch") is None:
        return "PyTorch is not installed (pip install 'rm-train[gpu]')"
    if torch_cuda() is None:
        return "PyTorch is a build without CUDA (pip install --force-reinstall 'rm-train[gpu]' in a fresh environment)"
    if importlib.util.find_spec("vllm") is None:
        return "vLLM is not installed (pip install 'rm-train[gpu]')"
    if importlib.util.find_spec("flash_attn") is None:
        return f"flash-attn is not installed ({FLASH_ATTENTION})"
    return None
