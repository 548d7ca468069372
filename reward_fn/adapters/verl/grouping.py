"""Rewards that compare the answers of a prompt: which ones do, and how many answers belong to a group.

verl sends each answer to a random worker as soon as it is there, so the calls meet in a cohort (`hosting/cohort.py`).
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from omegaconf import DictConfig, OmegaConf
from pydantic import BaseModel, ConfigDict, Field, model_validator
from typing_extensions import Self

from reward_fn.adapters.rows import Place, Row, value_at
from reward_fn.hosting.cohort import ClusterCohort
from reward_fn.hosting.cohort_actor import Judge
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
    against_reference: bool = Field(
        default=False, description="whether an answer that has no others is compared with the reference answer"
    )
    consistency_key: Place | None = Field(
        default=None,
        description="a place in the rows; answers are compared with those of the same session to the prompts that have "
        "the same value there, and not with those to their own prompt: as for a pair that is judged in both orders",
    )
    prompts: int = Field(default=2, ge=2, description="with `consistency_key`: how many prompts share a value")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.alone is not None and self.against_reference:
            raise ValueError("alone and against_reference are two ways for the same answers; write one of them")
        return self

    @property
    def has_lone(self) -> bool:
        """Whether answers that have no others can be scored."""
        return self.alone is not None or self.against_reference


class Group(NamedTuple):
    """Where an answer belongs: the name of its group, its own name in it, and how many it has."""

    name: str
    member: str
    size: int


class Grouping:
    """Which answers are compared with one another.

    Args:
        config: verl's config.
        settings: What it says of groups.
    """

    def __init__(self, config: DictConfig, settings: GroupSettings) -> None:
        rollout = config.actor_rollout_ref.rollout
        self._training, self._validation = int(rollout.n), int(rollout.val_kwargs.n)
        self._settings = settings

    def of(self, row: Row, uid: str, session: str, step: str) -> Group:
        """Return the group of an answer.

        Args:
            row: The row.
            uid: What verl calls the prompt in this step.
            session: The number of the answer among those to its prompt.
            step: The training step.

        Raises:
            RewardError: The row does not say what is needed for it.
        """
        key = self._settings.consistency_key
        if key is None:
            return Group(uid, session, self._size(row))
        value = value_at(row, key)
        if value is None:
            raise RewardError(FailureKind.BAD_INPUT, f"the row of {row.data_source} has no {key}, the consistency_key")
        return Group(f"{step}/{value}/{session}", uid, self._settings.prompts)

    def _size(self, row: Row) -> int:
        if self._training == self._validation:
            return self._training
        split = row.extra_info.get("split")
        if split is None:
            told = f"is compared with {self._training} in training and {self._validation} in validation"
            fix = "write `split` into the rows' extra_info, or make rollout.val_kwargs.n the same as rollout.n"
            raise RewardError(FailureKind.BAD_INPUT, f"the answer {told}, and verl does not say which this is; {fix}")
        return self._training if split == "train" else self._validation


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
        if size == 1 and not settings.group.has_lone and settings.group.consistency_key is None:
            fix = "write 2 or more, or in reward_kwargs.group how single answers are scored: alone or against_reference"
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


def cohort_of(config: DictConfig, settings: Settings) -> ClusterCohort[Row] | None:
    """Return where the answers meet that a config has compared, the same for all processes of the run; or None."""
    if not settings.comparing:
        return None
    kwargs: Any = OmegaConf.to_container(config.reward.custom_reward_function.reward_kwargs, resolve=True)
    digest = hashlib.sha256(json.dumps(kwargs, sort_keys=True).encode()).hexdigest()[:8]
    return ClusterCohort(f"reward_fn cohort {digest}", partial(_judge, kwargs), settings.group.deadline_s)


def _judge(kwargs: Mapping[str, Any]) -> Judge[Row]:
    from reward_fn.adapters.verl.scorer import scorer_of

    scorer = scorer_of(kwargs)

    async def judge(rows: Sequence[Row]) -> list[RewardResult]:
        return await scorer.compare(rows)

    return judge
