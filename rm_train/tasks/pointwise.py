"""The training reward of the pointwise judge, as verl's `compute_score` hook.

Named in a config by `reward.custom_reward_function.path=pkg://rm_train.tasks.pointwise`, so nothing is copied into verl
and nothing has to be pickled. Every sample returns the same numeric keys, valid verdict or not.
"""

from __future__ import annotations

from typing import Any

from reward_fn.judges.pointwise import SCORES, PointwiseVerdict, parse_pointwise
from rm_train.tasks.recipes import RECIPES, SPAN

INVALID = -1.0
"""What `predicted` holds when there is no valid verdict; no score has this value."""


def compute_score(
    data_source: str,
    solution_str: str,
    ground_truth: int,
    extra_info: dict[str, Any] | None = None,
    *,
    recipe: str,
    k: float = 2.0,
    **context: object,
) -> dict[str, float]:
    """Reward a judge's answer.

    Args:
        data_source: The data set of the row; every data set is paid alike.
        solution_str: What the judge wrote.
        ground_truth: The human rating, an integer from 0 to 4.
        extra_info: The row's other columns; not used.
        recipe: A name in `RECIPES`.
        k: The steepness of `exp_decay`.
        context: What else verl passes (its reward router, for rewards that ask a model); not used.

    Returns:
        `score` (what GRPO maximises), `acc` (1 for the exact rating), `abs_error` (0 to 4, and 4 without a valid
        verdict), `format_ok` (1 for a valid verdict), `predicted` (`INVALID` without one), `target`, and
        `response_length` in characters.

    Raises:
        ValueError: The recipe is unknown, or the target is not on the scale.
    """
    if recipe not in RECIPES:
        raise ValueError(f"unknown recipe {recipe!r}; choose one of {', '.join(RECIPES)}")
    target = int(ground_truth)
    if target not in SCORES:
        raise ValueError(f"the target {ground_truth!r} of a row of {data_source} is not an integer from 0 to 4")
    verdict = parse_pointwise(solution_str)
    parts = {"target": float(target), "response_length": float(len(solution_str))}
    if not isinstance(verdict, PointwiseVerdict):
        return parts | {
            "score": RECIPES[recipe].invalid,
            "acc": 0.0,
            "abs_error": float(SPAN),
            "format_ok": 0.0,
            "predicted": INVALID,
        }
    distance = abs(verdict.score - target)
    return parts | {
        "score": RECIPES[recipe].valid(distance, k),
        "acc": float(distance == 0),
        "abs_error": float(distance),
        "format_ok": 1.0,
        "predicted": float(verdict.score),
    }
