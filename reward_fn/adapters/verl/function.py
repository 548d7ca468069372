"""Any reward of the gallery as verl's `compute_score`, for runs that keep verl's own reward manager."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reward_fn.adapters.rows import Row
from reward_fn.adapters.verl.scorer import Scorer, scorer_of
from reward_fn.loading import RewardConfigError

_NOT_OURS = ("reward_router_address", "reward_model_tokenizer")
"""What verl adds where it serves a reward model."""


async def compute_score(
    data_source: str,
    solution_str: str,
    ground_truth: object,
    extra_info: Mapping[str, Any] | None = None,
    **reward_kwargs: Any,  # noqa: ANN401 - whatever a config holds
) -> dict[str, float]:
    """Score one answer, without blocking verl's event loop where the reward waits.

    Args:
        data_source: The data set of the row; it chooses the route, if there are several.
        solution_str: The answer, without special tokens.
        ground_truth: The row's `reward_model.ground_truth`.
        extra_info: The row's `extra_info`.
        reward_kwargs: See `Settings`: `reward` with its fields, `reward_file` or `routes`; `fields`; `on_failure`.

    Returns:
        The same finite numbers for every answer; see `Scored.numbers`.

    Raises:
        RewardConfigError: `reward_kwargs` describe no reward.
        RewardError: There is no score, and `on_failure` is `raise` or `drop_group`.

    verl does not pass the prompt: where the chat template opens the thought, set the reward's field `thought_opened`.
    """
    scored = await _scorer(reward_kwargs).score(Row(data_source, solution_str, ground_truth, extra_info or {}))
    return scored.numbers


def compute_score_sync(
    data_source: str,
    solution_str: str,
    ground_truth: object,
    extra_info: Mapping[str, Any] | None = None,
    **reward_kwargs: Any,  # noqa: ANN401 - whatever a config holds
) -> dict[str, float]:
    """Do as `compute_score`, for callers that want a plain function: verl's `remote` manager, other programs."""
    return _scorer(reward_kwargs).score_sync(Row(data_source, solution_str, ground_truth, extra_info or {})).numbers


def _scorer(reward_kwargs: dict[str, Any]) -> Scorer:
    for name in _NOT_OURS:
        reward_kwargs.pop(name, None)
    scorer = scorer_of(reward_kwargs)
    if unusable := scorer.settings.manager_only:
        problem = "verl does not tell a function what this needs; use the reward manager GalleryRewardManager"
        raise RewardConfigError([(key, problem) for key in unusable])
    return scorer
