"""Memory of GPUs that a run does not have, by arithmetic: a warning, since the arithmetic has not met a GPU yet."""

from __future__ import annotations

from omegaconf import DictConfig

from rm_train.launch.checks.problem import ConfigError, Problem, warning


def fit_problems(config: DictConfig) -> list[Problem]:
    """Find phases of a run for GPUs that do not fit ones of 80 GB, as `rm-train plan` reckons."""
    # A plan reads the other checks.
    from rm_train.plan.plan import memory_problems

    if config.trainer.device != "cuda":
        return []
    try:
        problems = memory_problems(config)
    except ConfigError:
        return []  # of a shape that is not known; `rm-train plan` says so
    return [warning(problem.key, f"{problem.what}, by the arithmetic of rm-train plan", problem.fix)
            for problem in problems]  # fmt: skip
