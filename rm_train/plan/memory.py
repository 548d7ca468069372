"""How much memory a run takes: on each GPU in each phase, and on each host.

verl's colocated trainer and vLLM share each GPU and take turns.

Sources: mixed-precision Adam keeps 16 bytes a parameter (Rajbhandari et al. 2020, ZeRO, section 3.1; here all in
float32, as verl's FSDP2 engine trains); activations follow Korthikanti et al. 2022, "Reducing Activation Recomputation
in Large Transformer Models", with flash attention, grouped queries and a gated MLP; the KV cache is Kwon et al. 2023,
"Efficient Memory Management for LLM Serving with PagedAttention"; what is where in which phase is read in verl 0.9.1
(`workers/engine_workers.py`, `update_weights`; `workers/engine/fsdp/transformer_impl.py`; `utils/fsdp_utils.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rm_train.plan.figure import Figure, Unit, figure
from rm_train.plan.job import Job, Offload, Settings
from rm_train.plan.symbols import symbols


@dataclass(frozen=True, slots=True)
class Phase:
    """What is held at the same time.

    Attributes:
        name: The phase.
        figures: Bytes, one line for each thing.
    """

    name: str
    figures: tuple[Figure, ...]

    @property
    def total(self) -> float:
        """Bytes of it all."""
        return sum(figure.value for figure in self.figures)

    def of(self, what: str) -> float:
        """Return the bytes of the lines that begin so."""
        return sum(figure.value for figure in self.figures if figure.what.startswith(what))


@dataclass(frozen=True, slots=True)
class Memory:
    """The memory of a run.

    Attributes:
        phases: What each GPU holds: training, the critic's training if there is one, rollout, weight sync.
        cache: Tokens in the KV cache of a replica.
        hosts: What each host holds: while models are read, and later.
    """

    phases: tuple[Phase, ...]
    cache: Figure
    hosts: tuple[Phase, ...]

    @property
    def peak(self) -> float:
        """The most that a GPU holds in any phase."""
        return max(phase.total for phase in self.phases)

    @property
    def host(self) -> float:
        """The most that a host holds."""
        return max(phase.total for phase in self.hosts)

    def phase(self, name: str) -> Phase:
        """Return a phase on the GPU by its name."""
        return next(phase for phase in self.phases if phase.name == name)


def memory(job: Job, settings: Settings) -> Memory:
    """Add up what each GPU and each host holds in each phase."""
    sums = _Sums(job, settings)
    phases = [Phase("training", tuple(sums.training()))]
    if job.critic is not None:
        phases.append(Phase("training of the critic", tuple(sums.critic_training())))
    phases += [Phase("rollout", tuple(sums.rollout())), Phase("weight sync", tuple(sums.sync()))]
    hosts = (Phase("host, at the start", tuple(sums.start())), Phase("host, while it trains", tuple(sums.host())))
    return Memory(tuple(phases), sums.cache(), hosts)


def on_cpu(job: Job, settings: Settings) -> tuple[Figure, ...]:
    """Return what the models of a run on hardware=cpu take, float32: the trainer's, and a copy for each rollout."""
    trained = "4 * (N + A) + 12 * A" if job.adapters else "16 * N"
    lines = [("trainer: weights, gradients, Adam's moments", trained), ("rollout servers", "4 * N * W")]
    if job.reference and not job.adapters:
        lines.append(("KL reference", "4 * N"))
    if job.critic is not None:
        lines.append(("critic", "16 * X"))
    return tuple(figure(what, formula, symbols(job, settings)) for what, formula in lines)


class _Sums:
    """The lines of each phase."""

    def __init__(self, job: Job, settings: Settings) -> None:
        self._job, self._settings = job, settings
        self._symbols = symbols(job, settings)
        self._lora = bool(job.adapters)
        self._weights = "b * (N + A) / S" if self._lora else "b * N / S"
        self._named = "weights and adapters" if self._lora else "weights"

    def _figure(self, what: str, formula: str) -> Figure:
        return figure(what, formula, self._symbols)

    def training(self) -> Iterator[Figure]:
        """Yield what a GPU holds while the policy is updated."""
        if not self._settings.offload.host:
            yield self._figure(f"states: {self._named}", self._weights)
            yield self._figure("states: gradients", "b * A / S")
            yield self._figure("states: Adam's two moments", "2 * b * A / S")
        yield from self._critic_stays()
        yield self._figure("two layers gathered, bfloat16", "2 * 2 * layer")
        if self._lora:
            yield self._figure("output projection gathered, bfloat16", "2 * V * H")
        else:
            yield self._figure("output projection gathered, its gradient, the same in float32", "(2 + 2 + 4) * V * H")
        yield from self._activations()
        yield self._figure("activations: logits and their gradient", "2 * 2 * V * M")
        yield self._figure("activations: entropy, 2048 rows at a time in float32", "3 * 4 * 2048 * V")
        yield self._overhead()

    def critic_training(self) -> Iterator[Figure]:
        """Yield what a GPU holds while the critic is updated, in micro-batches of its own."""
        assert self._job.critic is not None
        if not self._job.critic.offload.host:
            yield self._figure("states: the critic's weights, gradients, moments", "16 * X / S")
        yield from self._stays(self._settings.offload)
        yield self._figure("two layers gathered, bfloat16", "2 * 2 * layer")
        sums = _Sums(self._job, self._settings)
        sums._symbols["M"] = self._job.critic.tokens
        yield from sums._activations()
        yield self._overhead()

    def rollout(self) -> Iterator[Figure]:
        """Yield what a GPU holds while vLLM generates; the trainer's gradients are freed after the update."""
        yield self._figure("vLLM's share: weights, KV cache, activations", "share * gpu")
        yield from self._stays(self._settings.offload)
        yield from self._critic_stays()
        yield self._overhead()

    def sync(self) -> Iterator[Figure]:
        """Yield what a GPU holds while the new weights go to vLLM."""
        offload = self._settings.offload
        yield self._figure("vLLM's weights, bfloat16", "2 * N / T")
        if self._lora and not offload.host:
            # verl brings the weights under adapters back before it reads the adapters.
            offload = Offload(moments=offload.moments)
        yield from self._stays(offload)
        yield from self._critic_stays()
        if self._lora:
            yield self._figure("adapters in vLLM", "2 * A")
        else:
            yield self._figure("largest tensor gathered, float32", "4 * V * H")
        yield self._figure("bucket that weights go in", "2 * GiB")
        yield self._overhead()

    def cache(self) -> Figure:
        """Return the tokens that a replica's KV cache holds: what vLLM's share leaves of weights and activations."""
        adapters = " - 2 * A" if self._lora else ""
        room = f"share * gpu - 2 * N / T{adapters} - batched * (inside + 4 * H)"
        return figure("KV cache of a replica", f"max(0, ({room}) * T / cache)", self._symbols, Unit.TOKENS)

    def start(self) -> Iterator[Figure]:
        """Yield what a host holds while models are read: of tied embeddings, verl lets every process read them all."""
        if self._job.shape.tied:
            yield self._figure("the model, read by each process of a node, float32", "4 * N * g")
        else:
            yield self._figure("the model, read by one process, float32", "4 * N")
        yield from self._reference()
        if self._settings.offload.host:
            yield self._figure(f"the trainer's {self._named}", f"{self._weights} * g")
        yield self._processes()

    def host(self) -> Iterator[Figure]:
        """Yield what a host holds later."""
        offload = self._settings.offload
        if offload.host or offload.weights:
            yield self._figure(f"the trainer's {self._named}", f"{self._weights} * g")
        if offload.host or offload.moments:
            yield self._figure("Adam's two moments", "2 * b * A / S * g")
        if offload.host:
            yield self._figure("gradients", "b * A / S * g")
        if self._job.critic is not None and (each := _offloaded(self._job.critic.offload)):
            yield self._figure("the critic", f"{each} * X / S * g")
        yield from self._reference()
        if self._lora:
            # The level of sleep that keeps weights: the trainer sends adapters only.
            yield self._figure("vLLM's weights while it sleeps", "2 * N / T * g")
        yield self._processes()

    def _activations(self) -> Iterator[Figure]:
        if self._job.checkpointing:
            yield self._figure("activations: the input of each layer", "2 * L * H * M")
            yield self._figure("activations: one layer computed anew", "inside * M")
        else:
            yield self._figure("activations: all layers", "L * inside * M")

    def _stays(self, offload: Offload) -> Iterator[Figure]:
        """Yield what the policy's trainer keeps on the GPU in the phases of others."""
        if not (offload.host or offload.weights):
            yield self._figure(f"trainer: {self._named}", self._weights)
        if not (offload.host or offload.moments):
            yield self._figure("trainer: Adam's two moments", "2 * b * A / S")

    def _critic_stays(self) -> Iterator[Figure]:
        """Yield what the critic keeps on the GPU in the phases of others."""
        critic = self._job.critic
        if critic is not None and not critic.offload.host and (each := 12 - _offloaded(critic.offload)):
            yield self._figure("the critic that stays", f"{each} * X / S")

    def _reference(self) -> Iterator[Figure]:
        """Yield the KL reference, which FSDP2 keeps in host memory; with LoRA it is the model without adapters."""
        if self._job.reference and not self._lora:
            yield self._figure("KL reference, float32", "4 * N / S * g")

    def _overhead(self) -> Figure:
        """Return CUDA contexts of trainer and vLLM, NCCL's buffers and CUDA graphs, which sleeping does not free."""
        return self._figure("contexts, NCCL, CUDA graphs (a guess)", "3 * GiB")

    def _processes(self) -> Figure:
        return self._figure("processes and Ray's object store (a guess)", "8 * GiB + 4 * GiB * g")


def _offloaded(offload: Offload) -> int:
    """Return the bytes of a weight that a critic keeps in host memory: its value, its moments, and its gradient."""
    return 16 if offload.host else 4 * offload.weights + 8 * offload.moments
