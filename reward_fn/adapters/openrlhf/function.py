"""A reward as the function that OpenRLHF loads from a user's file (`--reward.remote_url FILE.py`)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

from reward_fn.adapters.openrlhf.scorer import Scorer
from reward_fn.adapters.scoring import Described

logger = logging.getLogger(__name__)

RewardFunc = Callable[..., dict[str, Any]]


def reward_func_of(reward: Described, **options: Any) -> RewardFunc:  # noqa: ANN401 - those of `Scorer`
    """Return a `reward_func(queries, prompts, labels)` for OpenRLHF.

    It returns tensors with a number for each answer: `rewards`, `scores`, and in `extra_logs` `reward/PART`,
    `reward/failed` (0 or 1) and `reward/seconds`. The parts of a failed answer are 0.

    Args:
        reward: The reward; see `Described`. A path is best an absolute one: Ray's workers have folders of their own.
        options: See `Scorer`: `on_failure`, `fields`, `data_source`, `end_tokens`, `scores`.

    Raises:
        RewardConfigError: They describe no reward. What the function raises is `ScoringFailedError`; OpenRLHF logs it,
            and then stops at the answer that has no reward.
    """
    scorer = Scorer(reward, **options)

    def reward_func(
        queries: Sequence[str],
        prompts: Sequence[str],
        labels: Sequence[object],
        **_: Any,  # noqa: ANN401 - whatever else a version of OpenRLHF passes
    ) -> dict[str, Any]:
        import torch

        scored = scorer.score(queries, prompts, labels)
        for place, failure in scored.failures.items():
            logger.warning("answer %d has no score: %s: %s", place, failure.kind.value, failure.detail)
        return {
            "rewards": torch.tensor(scored.rewards),
            "scores": torch.tensor(scored.scores),
            "extra_logs": {name: torch.tensor(numbers) for name, numbers in scored.logs.items()},
        }

    return reward_func
