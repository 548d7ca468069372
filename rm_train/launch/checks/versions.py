"""Installed versions beside those that rm-train was tested with, as its own requirements state them."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version

from omegaconf import DictConfig
from packaging.requirements import Requirement

from rm_train.launch.checks.problem import Problem, warning

_ENGINES = ("vllm", "sglang")
"""Rollout engines that verl pins in an extra of the engine's name."""


def version_problems(config: DictConfig, *, elsewhere: bool) -> list[Problem]:
    """Find packages that are missing, or that this version of rm-train was not tested with.

    A rollout engine that is missing is only a warning where the run may take place on other machines.
    """
    problems = [problem for requirement in required("rm-train", "train") for problem in compare(requirement, "train")]
    engine = config.actor_rollout_ref.rollout.name
    if engine in _ENGINES:
        pins = [requirement for requirement in required("verl", engine) if requirement.name == engine]
        found = [problem for requirement in pins for problem in compare(requirement, "gpu")]
        problems += [warning(one.key, one.what, one.fix) if elsewhere else one for one in found]
    return problems


def compare(requirement: Requirement, extra: str) -> list[Problem]:
    """Hold an installed package against a requirement that an extra of ours brings."""
    name, wanted = requirement.name, requirement.specifier
    try:
        found = version(name)
    except PackageNotFoundError:
        return [Problem(name, "is not installed", f"install it with: pip install 'rm-train[{extra}]'")]
    if wanted.contains(found, prereleases=True):
        return []
    return [
        warning(name, f"{found} is installed, and {wanted} was tested", f"install it with: pip install '{requirement}'")
    ]


def required(distribution: str, extra: str) -> Iterator[Requirement]:
    """Yield what a distribution requires with one of its extras, extras of its requirements left out."""
    for line in requires(distribution) or []:
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
            requirement.marker = None
            yield requirement
