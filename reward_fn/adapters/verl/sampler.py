"""Samplers for verl's V1 trainer: what rewards are made of as metrics, and no training on groups that failed.

verl logs one reward for each training batch. What `compute_score` returned beside it stays in verl's TransferQueue; a
sampler may return metrics, and these reach all loggers. It also decides what becomes of a group some of whose answers
have no reward: verl by itself trains on those that are left, a lone one with its bare score for an advantage. Use one
with::

    trainer.v1.sampler.custom_sampler.path=pkg://reward_fn.adapters.verl
    trainer.v1.sampler.custom_sampler.name=MetricsReplayBuffer
"""

from __future__ import annotations

import copy
import inspect
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import transfer_queue as tq
from omegaconf import DictConfig, OmegaConf
from rich.console import Console
from transfer_queue import KVBatchMeta
from verl.trainer.ppo.v1.replay_buffer import ReplayBuffer, ReplayBufferAsync

from reward_fn.adapters.verl.checks import check_config
from reward_fn.adapters.verl.failure_rate import FailureRate, TooManyFailuresError
from reward_fn.adapters.verl.group_mean import group_means, write_scores
from reward_fn.adapters.verl.grouping import cohort_of
from reward_fn.adapters.verl.lost_actors import LostActors
from reward_fn.adapters.verl.metrics import failure_kind, reward_metrics
from reward_fn.adapters.verl.preflight import preflight
from reward_fn.adapters.verl.scorer import scorer_of
from reward_fn.adapters.verl.settings import OURS, Settings
from reward_fn.adapters.verl.watch import Watch
from reward_fn.hosting.board import reporter

POLL_INTERVAL_S = 0.05
"""verl's own 2 s are as long as a whole step of a small model."""
_FUNCTION = "reward.custom_reward_function"


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


def _settings(config: DictConfig) -> Settings | None:
    """Return what a config says of our reward function, after trying it, or None where it names another.

    verl builds its sampler before any worker starts.

    Raises:
        RewardConfigError: It describes no reward, verl would do something else with it, or it pays right answers no
            more than others.
    """
    function = config.reward.custom_reward_function
    if function.path != OURS:
        return None
    scorer = scorer_of(function.get("reward_kwargs") or {})
    check_config(config, scorer.settings)
    preflight(config, scorer, Console())
    return scorer.settings


class _RewardMetrics:
    """Adds the metrics and the failure policies to a class of verl's replay buffers."""

    def __init__(self, **arguments: Any) -> None:  # noqa: ANN401 - verl's own arguments, passed on
        options = arguments["sampler_kwargs"] or {}
        config = arguments["refill_fn"].__self__.config
        self._settings = _settings(config)
        limit = self._settings.failure_limit if self._settings else None
        self._groups, self._samples = FailureRate("groups", limit), FailureRate("samples", limit)
        self._dropped: set[str] = set()
        self._lost = LostActors()
        if self._settings is not None:
            self._watch = Watch(self._settings)
            # Made here, where the run is led from, the actors outlive every reward worker.
            self._settings.hosting.make()
            self._cohort = cohort_of(config, self._settings)
        arguments = _stock_arguments(arguments["refill_fn"]) | arguments
        poll_interval = float(options.get("poll_interval", POLL_INTERVAL_S))
        super().__init__(poll_interval=poll_interval, **arguments)  # type: ignore[call-arg]

    def _terminal_eviction_reasons(
        self, global_steps: int, partition_id: str
    ) -> tuple[set[str], set[str], set[str], Counter[float]]:
        """Have the whole of every failed training group evicted; verl then counts and replaces them.

        Raises:
            TooManyFailuresError: The policy is to raise, or more groups fail than may.
        """
        stale, filtered, failed, counts = super()._terminal_eviction_reasons(  # type: ignore[misc]
            global_steps, partition_id
        )
        if self._settings is not None and partition_id == "train":
            failed = set(self.failure_keys[partition_id])  # type: ignore[attr-defined]
            if failed and self._settings.on_failure != "drop_group":
                raise TooManyFailuresError(
                    f"{len(failed)} groups of step {global_steps} have an answer without a reward, and "
                    f"{_FUNCTION}.reward_kwargs.on_failure is not drop_group; the reasons stand above, in the lines "
                    "of verl's agent loop ('Error in _run_prompt')"
                )
            self._groups.add(len(failed - self._dropped) * ["the line of 'Error in _run_prompt' above"])
            self._dropped = failed
        return stale, filtered, failed, counts

    def _wait_for_next_poll(self, partition_id: str, last_debug_time: float) -> float:
        """Wait as verl does, but not for dead actors.

        Raises:
            LostActorError: One has died without which nothing will come.
        """
        self._lost.look()
        waited: float = super()._wait_for_next_poll(partition_id, last_debug_time)  # type: ignore[misc]
        return waited

    def sample(self, global_steps: int, partition_id: str, batch_size: int) -> tuple[KVBatchMeta, dict[str, Any]]:
        """Sample as verl does; with a training batch, return the metrics of its rewards too.

        Raises:
            TooManyFailuresError: More answers have no reward than may.
        """
        sampled: tuple[KVBatchMeta, dict[str, Any]] = super().sample(  # type: ignore[misc]
            global_steps=global_steps, partition_id=partition_id, batch_size=batch_size
        )
        batch, metrics = sampled
        # verl logs the parts of validation rewards by itself.
        if partition_id == "train":
            samples = _reward_parts(batch)
            metrics = {**metrics, **self._metrics(global_steps, batch, samples)}
            if self._settings is not None and self._settings.on_failure == "group_mean":
                write_scores(group_means(batch.keys, samples), partition_id)
        return batch, metrics

    def _metrics(self, step: int, batch: KVBatchMeta, samples: Sequence[Mapping[str, object]]) -> dict[str, float]:
        # The trajectories of one session have one reward.
        sessions = list({key.rsplit("_", 1)[0]: place for place, key in enumerate(batch.keys)}.values())
        rewards = [samples[place] for place in sessions]
        self._groups.add([None] * len({key.split("_")[0] for key in batch.keys}))
        self._samples.add(map(failure_kind, rewards))
        if self._settings is None:
            return reward_metrics(rewards)
        keys, tags = ([column[place] for place in sessions] for column in (batch.keys, batch.tags))
        alarms = self._watch.metrics(step, KVBatchMeta(partition_id=batch.partition_id, keys=keys, tags=tags), rewards)
        board = reporter()
        cluster = {f"reward/cluster/{name}": value for name, value in board.step().items()} if board else {}
        return reward_metrics(rewards, self._settings.parts) | alarms | cluster


class MetricsReplayBuffer(_RewardMetrics, ReplayBuffer):  # type: ignore[misc]
    """For `trainer.v1.trainer_mode=sync`."""


class MetricsReplayBufferAsync(_RewardMetrics, ReplayBufferAsync):  # type: ignore[misc]
    """For verl's asynchronous trainers."""
