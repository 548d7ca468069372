"""A training batch of verl's, as the alarms want to see it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
import transfer_queue as tq
from transfer_queue import KVBatchMeta

from reward_fn.adapters.scoring import part_names
from reward_fn.adapters.verl.alarms import Alarms, Batch, repeated_share
from reward_fn.adapters.verl.settings import Settings

_GROUPS = 64
"""Groups in a batch whose answers are compared token by token: fetching all of a large batch would take a while."""


class Watch:
    """Alarms for each route of a config.

    Args:
        settings: What the config says.
    """

    def __init__(self, settings: Settings) -> None:
        self._parts = {
            route: [name for name in part_names(reward) if "/" not in name]
            for route, reward in settings.rewards.items()
        }
        several = len(settings.rewards) > 1
        self._alarms = (
            {route: Alarms(settings.alarms, route if several else "") for route in settings.rewards}
            if settings.alarms
            else {}
        )

    def metrics(self, step: int, batch: KVBatchMeta, samples: Sequence[Mapping[str, object]]) -> dict[str, float]:
        """Show a batch to the alarms.

        Args:
            step: The training step.
            batch: What was sampled.
            samples: The numbers of its rewards, in its order.

        Returns:
            `reward/alarm/<sign>`, with several routes `reward/<route>/alarm/<sign>`.
        """
        metrics: dict[str, float] = {}
        for index, (route, alarms) in enumerate(self._alarms.items()):
            several = len(self._alarms) > 1
            kept = [
                place
                for place, sample in enumerate(samples)
                if "score" in sample and not sample.get("failed") and (not several or sample.get("route") == index)
            ]
            if not kept:
                continue
            signs = alarms.watch(step, self._batch(batch, samples, kept, self._parts[route]))
            metrics |= {f"reward/{f'{route}/' if several else ''}alarm/{sign}": value for sign, value in signs.items()}
        return metrics

    def _batch(
        self, batch: KVBatchMeta, samples: Sequence[Mapping[str, object]], kept: Sequence[int], parts: Sequence[str]
    ) -> Batch:
        def column(key: str) -> np.ndarray:
            return np.asarray([samples[place][key] for place in kept], dtype=float)

        keys = [batch.keys[place] for place in kept]
        uids = [key.split("_")[0] for key in keys]
        return Batch(
            groups=np.unique(uids, return_inverse=True)[1],
            scores=column("score"),
            lengths=np.asarray([batch.tags[place].get("response_len", 0) for place in kept], dtype=float),
            parts={name: column(name) for name in parts},
            identical=_identical(batch.partition_id, keys, uids),
        )


def _identical(partition_id: str, keys: Sequence[str], uids: Sequence[str]) -> float:
    groups: dict[str, list[str]] = defaultdict(list)
    for key, uid in zip(keys, uids, strict=True):
        if len(groups) < _GROUPS or uid in groups:
            groups[uid].append(key)
    looked_at = [key for group in groups.values() for key in group]
    stored = tq.kv_batch_get(keys=looked_at, partition_id=partition_id, select_fields=["responses"])["responses"]
    answers = dict(zip(looked_at, (row.numpy().tobytes() for row in stored), strict=True))
    return repeated_share([[answers[key] for key in group] for group in groups.values()])
