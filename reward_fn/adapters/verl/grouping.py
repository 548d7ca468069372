"""Rewards that compare the answers of a prompt: which ones do, and how many answers belong to a group.

verl sends each answer to a random worker as soon as it is there, so the calls meet in a cohort (`hosting/cohort.py`).
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig
from pydantic import BaseModel, ConfigDict, Field

from reward_fn.adapters.rows import Row
from reward_fn.hosting.cohort import ClusterCohort, Judge
from reward_fn.loading import AnyReward
from reward_fn.schema import FailureKind, RewardError, RewardResult

if TYPE_CHECKING:
    from reward_fn.adapters.verl.settings import Settings


class GroupSettings(BaseModel):
    """How answers that are compared are brought together."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    deadline_s: float = Field(default=600, gt=0, description="how long the first answer of a group waits for the last")
    alone: AnyReward | None = Field(
        default=None, description="the reward of answers that have no others, as in validation with one for each prompt"
    )


class GroupSizes:
    """How many answers verl samples for a prompt.

    Args:
        config: verl's config.
    """

    def __init__(self, config: DictConfig) -> None:
        rollout = config.actor_rollout_ref.rollout
        self.training, self.validation = int(rollout.n), int(rollout.val_kwargs.n)

    def of(self, row: Row) -> int:
        """Return the size of the group that a row's answer belongs to.

        Raises:
            RewardError: Training and validation have groups of other sizes, and the row does not say which it is of.
        """
        if self.training == self.validation:
            return self.training
        split = row.extra_info.get("split")
        if split is None:
            told = f"is compared with {self.training} in training and {self.validation} in validation"
            fix = "write `split` into the rows' extra_info, or make rollout.val_kwargs.n the same as rollout.n"
            raise RewardError(FailureKind.BAD_INPUT, f"the answer {told}, and verl does not say which this is; {fix}")
        return self.training if split == "train" else self.validation


_WORKER_CALLS = 1000
"""Calls that one of verl's reward workers, an async actor of Ray's, has at work at a time; others queue."""


def group_problems(config: DictConfig, settings: Settings) -> Iterator[tuple[str, str]]:
    """Find what keeps the answers of a group from meeting: pairs of a key, and what is wrong with its fix."""
    if not settings.comparing:
        return
    reward = next(iter(settings.comparing.values())).name
    if not config.trainer.use_v1:
        yield "trainer.use_v1", f"{reward} compares answers, which the older trainer does not number; write true"
    rollout = config.actor_rollout_ref.rollout
    for key, size in (("rollout.n", rollout.n), ("rollout.val_kwargs.n", rollout.val_kwargs.n)):
        if size == 1 and settings.group.alone is None:
            fix = "write 2 or more, or a reward for single answers in reward_kwargs.group.alone"
            yield f"actor_rollout_ref.{key}", f"is 1, and {reward} compares answers; {fix}"
    needed = _workers(_prompts_at_work(config) * int(rollout.n))
    if config.reward.num_workers < needed:
        told = f"each worker has {_WORKER_CALLS} calls at work, and answers wait in them for their siblings"
        yield "reward.num_workers", f"is {config.reward.num_workers}; {told}; write {needed} or more"


def _prompts_at_work(config: DictConfig) -> int:
    """Return how many prompts verl's V1 trainer has at work at a time, at most."""
    batch, mode = int(config.data.train_batch_size), config.trainer.v1.trainer_mode
    filtered = config.algorithm.get("filter_groups") or {}
    if mode != "sync":
        warm = float((config.trainer.v1.get(mode) or {}).get("num_warmup_batches") or 0)
        return math.ceil(batch * (1 + warm))
    return batch * int(filtered.get("max_inflight_gen_batches", 1)) if filtered.get("enable") else batch


def _workers(answers: int) -> int:
    """Return how many workers answers need that verl spreads over them at random: four deviations above the mean."""
    workers = 1
    while answers / workers + 4 * math.sqrt(answers / workers) > _WORKER_CALLS:
        workers += 1
    return workers


def cluster_cohort(kwargs: Mapping[str, Any], settings: GroupSettings) -> ClusterCohort[Row]:
    """Return the cohort of all workers with the same `reward_kwargs`."""
    digest = hashlib.sha256(json.dumps(kwargs, sort_keys=True).encode()).hexdigest()[:8]
    return ClusterCohort(f"reward_fn cohort {digest}", partial(_judge, dict(kwargs)), settings.deadline_s)


def _judge(kwargs: Mapping[str, Any]) -> Judge[Row]:
    from reward_fn.adapters.verl.scorer import scorer_of

    scorer = scorer_of(kwargs)

    async def judge(rows: Sequence[Row]) -> list[RewardResult]:
        return await scorer.compare(rows)

    return judge
