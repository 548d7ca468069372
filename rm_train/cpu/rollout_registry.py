"""Tells verl the names of the `hf_cpu` rollout, without importing it: every Ray worker of a run does this."""

from __future__ import annotations

from verl.workers.rollout.base import _ROLLOUT_REGISTRY
from verl.workers.rollout.replica import RolloutReplica, RolloutReplicaRegistry

NAME = "hf_cpu"
"""The value of `actor_rollout_ref.rollout.name`."""


def _load_replica() -> type[RolloutReplica]:
    from rm_train.cpu.rollout import HfCpuReplica

    replica: type[RolloutReplica] = HfCpuReplica
    return replica


def register() -> None:
    """Register the rollout's replica and its adapter; verl has no call for the latter, so its table is written."""
    RolloutReplicaRegistry.register(NAME, _load_replica)
    _ROLLOUT_REGISTRY[(NAME, "async")] = "rm_train.cpu.rollout.ServerAdapter"
