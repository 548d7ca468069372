"""The policy `group_mean`: a failed answer gets the mean of its siblings, so GRPO neither rewards nor punishes it.

The mean of a group stays what it is without the failed ones, and their own advantage is 0. Nothing waits for it: the
sampler has whole groups before it, and puts the means where verl reads its rewards.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import torch
import transfer_queue as tq
from verl.utils.tensordict_utils import get_tensordict

ALL_FAILED = 0.0
"""What all answers of a group get when none has a score: equal numbers teach nothing."""


def group_means(keys: Sequence[str], samples: Sequence[Mapping[str, object]]) -> dict[str, float]:
    """Return what each failed trajectory gets.

    Args:
        keys: verl's keys of trajectories, `UID_SESSION_INDEX`; those of one session have one reward.
        samples: Their numbers.

    Returns:
        For the keys that failed, the mean over the sessions of the same prompt that have a score; `ALL_FAILED` where
        none has.
    """
    scores: dict[str, dict[str, float]] = defaultdict(dict)
    failed = []
    for key, sample in zip(keys, samples, strict=True):
        uid, session, _ = key.rsplit("_", 2)
        score = sample.get("score")
        if sample.get("failed"):
            failed.append((key, uid))
        elif isinstance(score, float):
            scores[uid][session] = score
    return {key: sum(found.values()) / len(found) if (found := scores[uid]) else ALL_FAILED for key, uid in failed}


def write_scores(scores: Mapping[str, float], partition_id: str) -> None:
    """Put scores of trajectories where verl reads them, at the last token of `rm_scores`."""
    if not scores:
        return
    keys = list(scores)
    stored = tq.kv_batch_get(keys=keys, partition_id=partition_id, select_fields=["rm_scores"])
    rows = [row.clone() for row in stored["rm_scores"]]
    for row, key in zip(rows, keys, strict=True):
        row[-1] = scores[key]
    fields = {"rm_scores": torch.nested.as_nested_tensor(rows, layout=torch.jagged)}
    tq.kv_batch_put(keys=keys, partition_id=partition_id, fields=get_tensordict(fields))
