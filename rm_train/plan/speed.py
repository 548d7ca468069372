"""How long a step takes at least, by the roofline model, and what of it takes longest.

Each part of a step is bounded by arithmetic or by bytes that are moved (Williams et al. 2009, "Roofline"). A token
costs 2 N operations forward and 4 N backward (Kaplan et al. 2020, "Scaling Laws", section 2.1), 2 N more where
activations are computed anew, and half the backward where LoRA needs no gradients of weights; attention costs
4 x heads x head_dim operations for each earlier token and layer, forward. Decoding reads all weights once a token and
the cache of every earlier token (Pope et al. 2022, "Efficiently Scaling Transformer Inference").
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rm_train.plan.figure import Figure, Unit, figure
from rm_train.plan.job import Job, Settings
from rm_train.plan.memory import memory
from rm_train.plan.symbols import symbols
from rm_train.plan.tokens import Lengths, token_symbols


@dataclass(frozen=True, slots=True)
class Gpu:
    """What a GPU can do at most, by NVIDIA's data sheets; links in one direction.

    Attributes:
        name: What it is called.
        flops: Operations a second in bfloat16, without sparsity.
        bandwidth: Bytes a second of its memory.
        nvlink: Bytes a second to the other GPUs of its node.
        network: Bytes a second to other nodes, a GPU's part: one adapter each, as in a DGX.
        pcie: Bytes a second to host memory.
    """

    name: str
    flops: float
    bandwidth: float
    nvlink: float
    network: float
    pcie: float


GPUS: Mapping[str, Gpu] = {
    "h100": Gpu("H100 SXM, 80 GB", 989e12, 3.35e12, 450e9, 50e9, 64e9),
    "a100": Gpu("A100 SXM, 80 GB", 312e12, 2.039e12, 300e9, 25e9, 32e9),
}
"""NVIDIA H100 and A100 Tensor Core GPU data sheets; NVIDIA DGX H100 and DGX A100 for the network (400 and 200 Gb/s)."""

EFFICIENCY: Mapping[str, float] = {"mfu": 0.4, "mfu_forward": 0.5, "of_memory": 0.7, "of_links": 0.7}
"""What of a GPU's peak is reached in the update, in passes forward, by its memory and by its links: assumptions."""

HOST_BANDWIDTH = 200e9
"""Bytes a second of a host's memory, for Adam that runs there: an assumption."""

SPEED_MEANINGS: Mapping[str, str] = {
    "flops": "operations a second of a GPU in bfloat16",
    "bandwidth": "bytes a second of its memory",
    "link": "bytes a second to the other GPUs",
    "pcie": "bytes a second to the host",
}
"""What the names mean that a plan explains once."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a step: the last figure is its seconds, those before are what they are made of."""

    name: str
    figures: tuple[Figure, ...]

    @property
    def seconds(self) -> float:
        """How long it takes at least."""
        return self.figures[-1].value


def speed(job: Job, settings: Settings, lengths: Lengths, gpu: Gpu) -> tuple[Part, ...]:
    """Return the parts of a step, in their order."""
    sums = _Sums(job, settings, lengths, gpu)
    parts = [Part("rollout", sums.rollout())]
    if passes := job.reference + job.recomputed:
        parts.append(Part("log-probabilities", (sums.passes(passes),)))
    if job.critic is not None:
        parts.append(Part("values and update of the critic", (sums.critic(),)))
    return (*parts, Part("update", sums.update()), Part("weight sync", sums.sync()))


def speed_symbols(job: Job, gpu: Gpu) -> dict[str, float]:
    """Return the names that a machine's speed has in formulas."""
    # Each GPU of a node has an adapter, and what has come to a node goes on by NVLink.
    link = min(gpu.nvlink, job.gpus_per_node * gpu.network) if job.nodes > 1 else gpu.nvlink
    return {"flops": gpu.flops, "bandwidth": gpu.bandwidth, "link": link, "pcie": gpu.pcie}


class _Sums:
    """The figures of each part; later ones may use earlier ones by name."""

    def __init__(self, job: Job, settings: Settings, lengths: Lengths, gpu: Gpu) -> None:
        self._job, self._settings = job, settings
        self._symbols = {
            **symbols(job, settings),
            **token_symbols(job, lengths),
            **speed_symbols(job, gpu),
            **EFFICIENCY,
            "host": HOST_BANDWIDTH,
            "sequences": job.sequences,
            "tokens_cached": memory(job, settings).cache.value,
            "width": job.shape.heads * job.shape.head_dim,
        }

    def _line(self, what: str, formula: str, name: str = "", unit: Unit = Unit.SECONDS) -> Figure:
        made = figure(what, formula, self._symbols, unit)
        if name:
            self._symbols[name] = made.value
        return made

    def rollout(self) -> tuple[Figure, ...]:
        """Return prefill, which samples of a prompt share, and decode; the longest answers hold a wave up."""
        return (
            self._line("sequences of a replica", "ceil(batch * n * T / W)", "q", Unit.COUNT),
            self._line("generated at once", "max(1, min(q, sequences, tokens_cached // (P + R)))", "c", Unit.COUNT),
            self._line("prefill", "2 * N * batch * P / (W * flops * mfu_forward)", "prefill"),
            self._line("decode, weights read for each token of the longest answer",
                       "ceil(q / c) * longest_response * 2 * N / T / (bandwidth * of_memory)", "read_weights"),
            self._line("decode, cache read",
                       "q * R * (P + R / 2) * cache / T / (bandwidth * of_memory)", "read_cache"),
            self._line("decode, operations", "2 * N * batch * n * R / (W * flops * mfu_forward)", "decode_operations"),
            self._line("rollout", "prefill + max(read_weights + read_cache, decode_operations)"),
        )  # fmt: skip

    def passes(self, count: int) -> Figure:
        """Return the passes forward, for the reference and for log-probabilities that are computed anew."""
        return self._line("passes forward", f"{count} * 2 * N * batch * n * (P + R) / (W * flops * mfu_forward)")

    def critic(self) -> Figure:
        """Return the critic's values and its update: forward, and forward, backward and forward anew."""
        return self._line("operations", "(2 + 8) * X * batch * n * (P + R) * epochs / (W * flops * mfu)")

    def update(self) -> tuple[Figure, ...]:
        """Return the update: operations, beside which FSDP2 gathers weights and reduces gradients."""
        lora, offload = bool(self._job.adapters), self._settings.offload
        passes = 1 + (1 if lora else 2) + self._job.checkpointing
        moved = [
            self._line("micro-batches of a step on a GPU",
                       "ceil(batch / mini) * epochs * ceil(mini * n * (P + R) / W / M)", "micro", Unit.COUNT),
            self._line("operations of the weights",
                       f"{2 * passes} * N * batch * n * (P + R) * epochs / (W * flops * mfu)", "operations"),
            self._line("operations of attention",
                       f"{3 + self._job.checkpointing} * 4 * L * width * (P + R) / 2 "
                       "* batch * n * (P + R) * epochs / (W * flops * mfu)", "attention"),
            self._line("weights gathered twice in bfloat16, gradients reduced in float32, for each micro-batch",
                       "micro * (2 * 2 * N + 4 * A) * (S - 1) / S / (link * of_links)", "traffic"),
        ]  # fmt: skip
        seconds = "max(operations + attention, traffic)"
        if offload.host:
            moved += [
                self._line("weights from the host twice, gradients back, for each micro-batch",
                           "micro * (2 * b * N + b * A) / S / (pcie * of_links)", "copies"),
                self._line("Adam on the host: 28 bytes a weight",
                           "ceil(batch / mini) * epochs * 28 * A / S * g / host", "adam"),
            ]  # fmt: skip
            seconds = "max(operations + attention, traffic, copies) + adam"
        elif offload.weights or offload.moments:
            state = " + ".join(["b * N"] * offload.weights + ["2 * b * A"] * offload.moments)
            moved.append(self._line("state from the host and back", f"2 * ({state}) / S / (pcie * of_links)", "copies"))
            seconds += " + copies"
        return (*moved, self._line("update", seconds))

    def sync(self) -> tuple[Figure, ...]:
        """Return the way of the new weights to vLLM."""
        sent = "A" if self._job.adapters else "N"
        return (
            self._line("gathered in float32", f"b * {sent} * (S - 1) / S / (link * of_links)", "gather"),
            self._line("copied into vLLM", f"2 * 2 * {sent} / (bandwidth * of_memory)", "copy"),
            self._line("weight sync", "gather + copy"),
        )
