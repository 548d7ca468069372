"""Rewards that compare the answers of a prompt: which ones do, and how many answers belong to a group.

verl sends each answer to a random worker as soon as it is there, so the calls meet in a cohort (`hosting/cohort.py`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from omegaconf import DictConfig
from pydantic import BaseModel, ConfigDict, Field

from reward_fn.adapters.rows import Row
from reward_fn.base import BaseReward
from reward_fn.compose.composition import Composition
from reward_fn.hosting.cohort import ClusterCohort, Judge
from reward_fn.loading import AnyReward
from reward_fn.schema import FailureKind, RewardError, RewardResult

_COMPARING = ("listwise", "pairwise")


class GroupSettings(BaseModel):
    """How answers that are compared are brought together."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    deadline_s: float = Field(default=600, gt=0, description="how long the first answer of a group waits for the last")
    alone: AnyReward | None = Field(
        default=None, description="the reward of answers that have no others, as in validation with one for each prompt"
    )


def comparing(reward: BaseReward) -> BaseReward | None:
    """Return the reward, or the part of it, that compares answers; None if none does."""
    if reward.scoring_pattern in _COMPARING:
        return reward
    inner = reward.inner if isinstance(reward, Composition) else []
    return next((found for part in inner if (found := comparing(part))), None)


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


def cluster_cohort(kwargs: Mapping[str, Any], deadline_s: float) -> ClusterCohort[Row]:
    """Return the cohort of all workers with the same `reward_kwargs`."""
    digest = hashlib.sha256(json.dumps(kwargs, sort_keys=True).encode()).hexdigest()[:8]
    return ClusterCohort(f"reward_fn cohort {digest}", partial(_judge, dict(kwargs)), deadline_s)


def _judge(kwargs: Mapping[str, Any]) -> Judge[Row]:
    from reward_fn.adapters.verl.scorer import scorer_of

    scorer = scorer_of(kwargs)

    async def judge(rows: Sequence[Row]) -> list[RewardResult]:
        return await scorer.compare(rows)

    return judge
