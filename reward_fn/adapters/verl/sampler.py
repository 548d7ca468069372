"""Samplers for verl's V1 trainer that log the parts of the reward, and look for finished rollouts more often.

verl logs one reward for each training batch. What `compute_score` returned beside it stays in verl's TransferQueue; a
sampler may return metrics, and these reach all loggers. Use one with::

    trainer.v1.sampler.custom_sampler.path=pkg://reward_fn.adapters.verl.sampler
    trainer.v1.sampler.custom_sampler.name=MetricsReplayBuffer
"""

from __future__ import annotations

import copy
import inspect
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from numbers import Real
from typing import Any

import numpy as np
import transfer_queue as tq
from omegaconf import OmegaConf
from transfer_queue import KVBatchMeta
from verl.trainer.ppo.v1.replay_buffer import ReplayBuffer, ReplayBufferAsync

POLL_INTERVAL_S = 0.05
"""verl's own 2 s are as long as a whole step of a small model."""


def reward_metrics(samples: Iterable[Mapping[str, object]]) -> dict[str, float]:
    """Return statistics of the numeric parts of some samples' rewards.

    Args:
        samples: What `compute_score` returned beside the score, one mapping for each sample.

    Returns:
        `reward/<key>/{mean,std,min,max}` over the samples that have the key as a finite number, and
        `reward/num_samples`; nothing at all when no sample has any part.
    """
    values: dict[str, list[float]] = defaultdict(list)
    count = 0
    for sample in samples:
        count += bool(sample)
        for key, value in sample.items():
            if isinstance(value, (Real, np.bool_)) and math.isfinite(value):
                values[key].append(float(value))
    if not count:
        return {}
    metrics = {"reward/num_samples": float(count)}
    for key, numbers in values.items():
        array = np.asarray(numbers)
        for name in ("mean", "std", "min", "max"):
            metrics[f"reward/{key}/{name}"] = float(getattr(array, name)())
    return metrics


def _reward_parts(batch: KVBatchMeta) -> list[Mapping[str, object]]:
    """Read from the TransferQueue what the rewards of a batch are made of."""
    data = tq.kv_batch_get(keys=batch.keys, partition_id=batch.partition_id, select_fields=["extra_fields"])
    # The queue hands objects out bare or wrapped, depending on the storage backend.
    fields = [getattr(value, "data", value) for value in data["extra_fields"]]
    return [field.get("reward_extra_info", {}) for field in fields]


def _stock_arguments(refill: Callable[..., object]) -> dict[str, Any]:
    """Return the arguments that verl gives its own sampler.

    verl leaves out those of DAPO's filter and of the refill of failed groups for a custom sampler. The trainer, which
    the refill function belongs to, is asked to build its own one, and that is read.
    """
    trainer = copy.copy(refill.__self__)  # type: ignore[attr-defined]
    trainer.config = copy.deepcopy(trainer.config)
    OmegaConf.update(trainer.config, "trainer.v1.sampler.custom_sampler", None)
    stock = trainer._build_replay_buffer()
    names = inspect.signature(ReplayBuffer).parameters.keys() - {"poll_interval"}
    return {name: getattr(stock, name) for name in names}


class _RewardMetrics:
    """Adds the metrics to a class of verl's replay buffers."""

    def __init__(self, **arguments: Any) -> None:  # noqa: ANN401 - verl's own arguments, passed on
        options = arguments["sampler_kwargs"] or {}
        arguments = _stock_arguments(arguments["refill_fn"]) | arguments
        poll_interval = float(options.get("poll_interval", POLL_INTERVAL_S))
        super().__init__(poll_interval=poll_interval, **arguments)  # type: ignore[call-arg]

    def sample(self, global_steps: int, partition_id: str, batch_size: int) -> tuple[KVBatchMeta, dict[str, Any]]:
        """Sample as verl does; with a training batch, return the metrics of its rewards too."""
        sampled: tuple[KVBatchMeta, dict[str, Any]] = super().sample(  # type: ignore[misc]
            global_steps=global_steps, partition_id=partition_id, batch_size=batch_size
        )
        batch, metrics = sampled
        # verl logs the parts of validation rewards by itself.
        if partition_id == "train":
            metrics = {**metrics, **reward_metrics(_reward_parts(batch))}
        return batch, metrics


class MetricsReplayBuffer(_RewardMetrics, ReplayBuffer):  # type: ignore[misc]
    """For `trainer.v1.trainer_mode=sync`."""


class MetricsReplayBufferAsync(_RewardMetrics, ReplayBufferAsync):  # type: ignore[misc]
    """For verl's asynchronous trainers."""
