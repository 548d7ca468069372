"""Python, and the packages that training needs, beside the versions that rm-train was tested with."""

from __future__ import annotations

import importlib
import platform
import sys
from collections.abc import Iterator
from importlib.metadata import version

from rm_train.launch.checks.versions import clashes, compare, required
from rm_train.launch.doctor.finding import Finding, bad, from_problem, warn

_NAMED = ("verl", "torch", "ray", "transformers")
"""Packages that have a line of their own, also when all is well."""


def python_version() -> Finding:
    """Examine the interpreter."""
    found = platform.python_version()
    if (3, 10) <= sys.version_info[:2] <= (3, 12):
        return Finding("Python", found)
    return warn("Python", f"{found} was not tested", "use Python 3.10, 3.11 or 3.12")


def package_versions(distribution: str = "rm-train", extra: str = "train") -> Iterator[Finding]:
    """Examine the packages that a distribution requires with one of its extras."""
    others = 0
    for requirement in required(distribution, extra):
        problem = next(iter(compare(requirement, extra)), None)
        if problem:
            yield from_problem(requirement.name, problem)
        elif requirement.name in _NAMED:
            yield Finding(requirement.name, version(requirement.name))
        else:
            others += 1
    yield from (from_problem(problem.key, problem) for problem in clashes())
    yield Finding("other packages", f"{others} as they were tested")


def torch_build() -> Finding:
    """Examine whether torch can be imported, and what it is built for; a build may miss libraries of the system."""
    try:
        torch = importlib.import_module("torch")
    except (ImportError, OSError) as error:
        return bad(
            "torch build", f"cannot be imported: {error}", "install it again: pip install --force-reinstall torch"
        )
    build = f"CUDA {torch.version.cuda}" if torch.version.cuda else f"ROCm {torch.version.hip}"
    return Finding("torch build", build if torch.version.cuda or torch.version.hip else "CPU")


def engine_version(engine: str) -> Finding:
    """Examine a rollout engine for GPUs, which only machines with a GPU build of torch need."""
    import torch

    if torch.version.cuda is None:
        return Finding(engine, "not needed: torch is not built for CUDA")
    pin = next(requirement for requirement in required("verl", engine) if requirement.name == engine)
    problem = next(iter(compare(pin, "gpu")), None)
    if problem is None:
        return Finding(engine, version(engine))
    return warn(engine, problem.what, problem.fix)
