"""A config's plan: its figures by subject, what speaks against it, and what would be recommended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from omegaconf import DictConfig

from rm_train.launch.checks.kinds import wrong_kinds
from rm_train.launch.checks.lengths import length_problems
from rm_train.launch.checks.own_keys import own_keys
from rm_train.launch.checks.problem import ConfigError, Problem, Severity, listing
from rm_train.launch.checks.sizes import size_problems
from rm_train.launch.checks.verl_rules import engine_problems
from rm_train.plan.disk import disk
from rm_train.plan.figure import Figure, Unit, shown
from rm_train.plan.fit import changes, recommend, refusals
from rm_train.plan.job import Job, Settings, job_of, settings_of
from rm_train.plan.memory import memory, on_cpu
from rm_train.plan.models import shape_of
from rm_train.plan.speed import EFFICIENCY, GPUS, SPEED_MEANINGS, Part, speed, speed_symbols
from rm_train.plan.symbols import MEANINGS, symbols
from rm_train.plan.tokens import TOKEN_MEANINGS, average_lengths, token_symbols, tokens

HOST_GIB_PER_GPU = 144
"""Host memory of a node for each of its GPUs, where nobody says otherwise: nodes with eight GPUs of 80 GB have 1152 GiB
(AWS p4de.24xlarge) or more."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What a plan is made for.

    Attributes:
        gpu: A key of `GPUS`.
        gpu_gib: Memory of a GPU.
        host_gib: Memory of a node; None for `HOST_GIB_PER_GPU` for each GPU.
        prompt_tokens: Tokens of a prompt on average; None for the assumption.
        response_tokens: Tokens of an answer on average; None for the assumption.
    """

    gpu: str = "h100"
    gpu_gib: float = 79.0
    host_gib: float | None = None
    prompt_tokens: int | None = None
    response_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """A subject of a plan.

    Attributes:
        title: What it is about.
        figures: Its lines.
        total: What they come to; empty where they do not add up.
    """

    title: str
    figures: tuple[Figure, ...]
    total: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run takes.

    Attributes:
        summary: The run in one line.
        names: The names in the formulas: meaning and value.
        sections: Its figures.
        problems: Why it cannot run; empty if it can.
        recommended: The overrides that would be recommended instead; empty if the config has them.
        notes: What else there is to know.
    """

    summary: str
    names: Mapping[str, tuple[str, float]]
    sections: tuple[Section, ...]
    problems: tuple[Problem, ...]
    recommended: tuple[str, ...]
    notes: tuple[str, ...]


def make_plan(config: DictConfig, machine: Machine) -> Plan:
    """Reckon what a run of a config takes.

    Raises:
        ConfigError: The config has values that cannot be reckoned with, or the model's shape is not known.
    """
    if wrong := [*engine_problems(config), *own_keys(config), *wrong_kinds(config)]:
        raise ConfigError(listing(wrong))
    job, settings = job_of(config, shape_of(config), machine.gpu_gib), settings_of(config)
    problems = [problem for problem in (*size_problems(config), *length_problems(config))
                if problem.severity is Severity.ERROR]  # fmt: skip
    plan = _on_gpus if config.trainer.device == "cuda" else _on_cpu
    return plan(config, job, settings, machine, problems)


def memory_problems(config: DictConfig) -> list[Problem]:
    """Return why a config for GPUs of 80 GB does not fit them, as `rm-train plan` does.

    Raises:
        ConfigError: The model's shape is not known.
    """
    job = job_of(config, shape_of(config), Machine().gpu_gib)
    return refusals(job, settings_of(config), None)


def _on_gpus(config: DictConfig, job: Job, settings: Settings, machine: Machine, problems: list[Problem]) -> Plan:
    lengths = average_lengths(job, machine.prompt_tokens, machine.response_tokens)
    taken, gpu = memory(job, settings), GPUS[machine.gpu]
    host_gib = machine.host_gib or HOST_GIB_PER_GPU * job.gpus_per_node
    best, refused = recommend(job, host_gib), refusals(job, settings, host_gib)
    # Seconds of what cannot run would mean nothing.
    parts = () if refused else speed(job, settings, lengths, gpu)
    values = symbols(job, settings) | token_symbols(job, lengths) | speed_symbols(job, gpu)
    meanings = {**MEANINGS, **TOKEN_MEANINGS, **SPEED_MEANINGS}
    if job.critic is None:
        del meanings["X"]
    return Plan(
        summary=_summary(config, job),
        names={name: (meaning, values[name]) for name, meaning in meanings.items()},
        sections=(
            *(Section(f"{phase.name}, a GPU", phase.figures, shown(phase.total, Unit.GIB)) for phase in taken.phases),
            Section("KV cache", (taken.cache,)),
            *(Section(phase.name, phase.figures, shown(phase.total, Unit.GIB)) for phase in taken.hosts),
            Section("disk", disk(config, job)),
            Section("tokens of a step", tokens(job, settings, lengths)),
            *(Section(f"seconds of a step: {part.name}", part.figures, shown(part.seconds, Unit.SECONDS))
              for part in parts),
        ),
        problems=(*refused, *problems),
        recommended=changes(settings, best) if best else (),
        notes=(
            *_seconds(parts, f"{job.gpus} x {gpu.name}"),
            f"assumed: prompts of {lengths.prompt:,.0f} and answers of {lengths.response:,.0f} tokens on average, "
            f"{host_gib:,.0f} GiB of host memory, efficiencies "
            + ", ".join(f"{name} {share:.0%}" for name, share in EFFICIENCY.items()),
            "all of it is arithmetic; none has been measured on a GPU",
        ),
    )  # fmt: skip


def _on_cpu(config: DictConfig, job: Job, settings: Settings, machine: Machine, problems: list[Problem]) -> Plan:
    lengths = average_lengths(job, machine.prompt_tokens, machine.response_tokens)
    values = symbols(job, settings) | token_symbols(job, lengths)
    return Plan(
        summary=_summary(config, job),
        names={name: ({**MEANINGS, **TOKEN_MEANINGS}[name], values[name]) for name in ("N", "A", "W", "M", "P", "R")},
        sections=(
            Section("host memory, beside processes and activations", on_cpu(job, settings)),
            Section("disk", disk(config, job)),
            Section("tokens of a step", tokens(job, settings, lengths)),
        ),
        problems=tuple(problems),
        recommended=(),
        notes=("GPU memory and seconds are reckoned for hardware=gpu1, gpu8 and nodes only",),
    )


def _seconds(parts: tuple[Part, ...], machines: str) -> Iterator[str]:
    if parts:
        longest, seconds = max(parts, key=lambda part: part.seconds), sum(part.seconds for part in parts)
        share = f"{longest.seconds / seconds:.0%}"
        yield f"a step takes at least {seconds:,.0f} s on {machines}; the bottleneck is the {longest.name} ({share})"


def _summary(config: DictConfig, job: Job) -> str:
    weights = job.shape.parameters
    size = f"{weights / 1e9:.2f} billion" if weights >= 1e8 else f"{weights / 1e6:.2f} million"
    kind = f"LoRA of rank {config.actor_rollout_ref.model.lora_rank}" if job.adapters else "all weights"
    machines = "CPU" if config.trainer.device == "cpu" else f"{job.nodes} x {job.gpus_per_node} x {job.gpu_gib:g} GiB"
    return (
        f"{config.base_model_path}, {size} weights, on {machines}: {kind}, "
        f"{job.batch} prompts x {job.samples} answers a step, {job.prompt} + {job.response} tokens at most"
    )
