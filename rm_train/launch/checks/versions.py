"""Installed versions beside those that rm-train was tested with, as its own requirements state them."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version

from omegaconf import DictConfig
from packaging.requirements import Requirement

from rm_train.launch.checks.problem import Problem, warning

FLASH_ATTENTION = "pip install flash-attn==2.8.3 --no-build-isolation"
"""How flash-attn is installed: it is compiled against the torch that is there."""

_ENGINES = ("vllm", "sglang")
"""Rollout engines that verl pins in an extra of the engine's name."""

_NOT_BESIDE = (Requirement("trl<1.13"),)
"""Packages that verl 0.9.1 uses where they are installed, and the versions with which it can; without them it works.

verl's `monkey_patch` imports `AutoModelForCausalLMWithValueHead`, which TRL 1.13 has removed.
"""


def version_problems(config: DictConfig, *, elsewhere: bool) -> list[Problem]:
    """Find packages that are missing, or that this version of rm-train was not tested with.

    A rollout engine that is missing is only a warning where the run may take place on other machines.
    """
    problems = [problem for requirement in required("rm-train", "train") for problem in compare(requirement, "train")]
    problems += clashes()
    engine = config.actor_rollout_ref.rollout.name
    if engine in _ENGINES:
        pins = [requirement for requirement in required("verl", engine) if requirement.name == engine]
        found = [problem for requirement in pins for problem in compare(requirement, "gpu")]
        found += _flash_attention(config)
        problems += [warning(one.key, one.what, one.fix) if elsewhere else one for one in found]
    return problems


def _flash_attention(config: DictConfig) -> list[Problem]:
    """Find that flash-attn is missing; verl's extras do not bring it, and its trainer asks for it by default."""
    model = config.actor_rollout_ref.model
    attention = (model.get("override_config") or {}).get("attn_implementation", "flash_attention_2")
    if attention != "flash_attention_2" or importlib.util.find_spec("flash_attn") is not None:
        return []
    return [Problem("flash-attn", "is not installed, and the trainer's attention is flash_attention_2",
                    f"install it with: {FLASH_ATTENTION}")]  # fmt: skip


def clashes() -> list[Problem]:
    """Find packages that nobody asked for, and beside which verl fails at its start."""
    return [
        Problem(wanted.name, f"{found} is installed, beside which verl 0.9.1 fails",
                f"remove it with: pip uninstall {wanted.name}, or install an older one: pip install '{wanted}'")
        for wanted in _NOT_BESIDE
        if (found := _installed(wanted.name)) and not wanted.specifier.contains(found, prereleases=True)
    ]  # fmt: skip


def compare(requirement: Requirement, extra: str) -> list[Problem]:
    """Hold an installed package against a requirement that an extra of ours brings."""
    name, wanted = requirement.name, requirement.specifier
    if (found := _installed(name)) is None:
        return [Problem(name, "is not installed", f"install it with: pip install 'rm-train[{extra}]'")]
    if wanted.contains(found, prereleases=True):
        return []
    return [
        warning(name, f"{found} is installed, and {wanted} was tested", f"install it with: pip install '{requirement}'")
    ]


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def required(distribution: str, extra: str) -> Iterator[Requirement]:
    """Yield what a distribution requires with one of its extras, extras of its requirements left out."""
    for line in requires(distribution) or []:
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
            requirement.marker = None
            yield requirement
