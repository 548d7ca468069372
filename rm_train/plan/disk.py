"""How much room checkpoints and the trained judge take."""

from __future__ import annotations

from omegaconf import DictConfig

from rm_train.launch.checks.disk import most_checkpoints
from rm_train.plan.figure import Figure, figure
from rm_train.plan.job import Job


def disk(config: DictConfig, job: Job) -> tuple[Figure, ...]:
    """Return a checkpoint, all of them, and the judge; in float32, the judge in bfloat16."""
    shape = job.shape
    symbols: dict[str, float] = {"N": shape.parameters, "A": job.adapters or shape.parameters}
    symbols |= {"X": shape.critic_parameters, "checkpoints": most_checkpoints(config)}
    saved, only_adapters = config.actor_rollout_ref.actor.checkpoint, False
    weights = "4 * N"
    if job.adapters:
        only_adapters = saved.get("save_lora_only", False)
        weights = "4 * A" if only_adapters else "4 * (N + A)"
    parts = [weights] * ("model" in saved.save_contents) + ["8 * A"] * ("optimizer" in saved.save_contents)
    if job.critic is not None:
        kept = config.critic.checkpoint.save_contents
        parts += ["4 * X"] * ("model" in kept) + ["8 * X"] * ("optimizer" in kept)
    each = " + ".join(parts) or "0"
    return (
        figure("a checkpoint: weights and Adam's moments, float32", each, symbols),
        figure("checkpoints, at most at a time", f"checkpoints * ({each})", symbols),
        figure("the trained judge, bfloat16", "2 * N", symbols),
    )
