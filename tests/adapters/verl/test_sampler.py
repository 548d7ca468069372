"""The sampler, built by verl's own trainer code from verl's own config."""

import math
from pathlib import Path

import numpy as np
import pytest
import verl
from hydra import compose, initialize_config_dir
from transfer_queue import KVBatchMeta
from verl.trainer.ppo.v1 import get_trainer_cls
from verl.trainer.ppo.v1.replay_buffer import ReplayBuffer, ReplayBufferAsync

from reward_fn.adapters.verl import sampler
from reward_fn.adapters.verl.metrics import reward_metrics
from reward_fn.adapters.verl.sampler import MetricsReplayBuffer, MetricsReplayBufferAsync

CUSTOM = "trainer.v1.sampler.custom_sampler"
DAPO = [
    "algorithm.filter_groups.enable=True",
    "algorithm.filter_groups.metric=acc",
    "algorithm.filter_groups.max_inflight_gen_batches=3",
    "data.gen_batch_size=1",
    "data.train_batch_size=24",
    "trainer.v1.sampler.sync_refill_failed_groups=True",
]


def build(*overrides, name="MetricsReplayBuffer", mode="sync"):
    """Let verl's trainer build its replay buffer."""
    custom = [f"{CUSTOM}.path=pkg://reward_fn.adapters.verl.sampler", f"{CUSTOM}.name={name}"] if name else []
    with initialize_config_dir(str(Path(verl.__file__).parent / "trainer" / "config"), version_base=None):
        config = compose("ppo_trainer", [f"trainer.v1.trainer_mode={mode}", *custom, *overrides])
    trainer = object.__new__(get_trainer_cls(mode))
    trainer.config, trainer.trainer_mode = config, mode
    return trainer, trainer._build_replay_buffer()


def settings(buffer):
    return {
        key: value
        for key, value in vars(buffer).items()
        if key not in ("poll_interval", "refill_fn") and not key.startswith("_") and not isinstance(value, dict)
    }


@pytest.mark.parametrize("overrides", [[], DAPO])
@pytest.mark.parametrize(
    ("mode", "name", "stock"),
    [
        ("sync", "MetricsReplayBuffer", ReplayBuffer),
        ("colocate_async", "MetricsReplayBufferAsync", ReplayBufferAsync),
    ],
)
def test_has_all_the_settings_of_the_sampler_it_stands_in_for(overrides, mode, name, stock):
    trainer, ours = build(*overrides, name=name, mode=mode)
    _, theirs = build(*overrides, name=None, mode=mode)
    assert type(theirs) is stock
    assert isinstance(ours, stock)
    assert settings(ours) == settings(theirs)
    assert ours.filter_groups_metric == ("acc" if overrides else None)
    assert ours.sync_refill_failed_groups == bool(overrides)
    assert ours.refill_fn.__self__ is trainer
    assert trainer.config.trainer.v1.sampler.custom_sampler.name == name


def test_sync_filter_keeps_its_batch_sizes():
    _, buffer = build(*DAPO)
    assert (buffer.train_batch_size, buffer.gen_batch_size, buffer.max_inflight_gen_batches) == (24, 1, 3)


def test_poll_interval():
    assert build()[1].poll_interval == 0.05
    assert build("+trainer.v1.sampler.sampler_kwargs.poll_interval=0.2")[1].poll_interval == 0.2


def test_statistics():
    samples = [
        {"score": 1, "acc": True, "why": "good", "odd": math.nan, "np": np.float32(3)},
        {"score": 4.0, "acc": np.bool_(False), "why": "bad", "odd": 2.0, "np": np.int64(5), "rare": 7},
        {},
    ]
    metrics = reward_metrics(samples)
    assert metrics["reward/num_samples"] == 2
    assert [metrics[f"reward/score/{name}"] for name in ("mean", "std", "min", "max")] == [2.5, 1.5, 1, 4]
    assert metrics["reward/acc/mean"] == 0.5
    assert metrics["reward/odd/mean"] == metrics["reward/odd/max"] == 2
    assert metrics["reward/np/mean"] == 4
    assert metrics["reward/rare/mean"] == 7
    assert {key.split("/")[1] for key in metrics} == {"num_samples", "score", "acc", "odd", "np", "rare"}
    assert all(isinstance(value, float) for value in metrics.values())


def test_a_route_has_no_figures_of_another_s_parts():
    samples = [
        {"score": 1.0, "a": 1.0, "b": 0.0, "both": 0.5, "truncated": 1.0, "route": 0.0},
        {"score": 0.0, "a": 0.0, "b": 0.5, "both": 0.0, "truncated": 0.0, "route": 1.0},
        {"score": 0.0, "a": 0.0, "b": 0.0, "both": 0.0, "truncated": 0.0, "route": -1.0},
    ]
    metrics = reward_metrics(samples, {"x": ("a", "both"), "y": ("b", "both")})
    means = {key: value for key, value in metrics.items() if key.endswith("/mean") and "score" not in key}
    assert means == {
        **{"reward/x/a/mean": 1, "reward/x/both/mean": 0.5, "reward/x/truncated/mean": 1},
        **{"reward/y/b/mean": 0.5, "reward/y/both/mean": 0, "reward/y/truncated/mean": 0},
    }


def test_nothing_is_said_about_rewards_without_parts():
    assert reward_metrics([{}, {}]) == {}
    assert reward_metrics([]) == {}


@pytest.mark.parametrize(("name", "mode"), [("MetricsReplayBuffer", "sync"), ("MetricsReplayBufferAsync", "async")])
def test_training_batches_get_metrics_beside_those_of_verl(monkeypatch, name, mode):
    class Wrapped:
        def __init__(self, data):
            self.data = data

    class Queue:
        asked = None

        @classmethod
        def kv_batch_get(cls, **asked):
            cls.asked = asked
            return {
                "extra_fields": [{"reward_extra_info": {"acc": 1.0}}, Wrapped({"reward_extra_info": {"acc": 0}}), {}]
            }

    cls = {"MetricsReplayBuffer": MetricsReplayBuffer, "MetricsReplayBufferAsync": MetricsReplayBufferAsync}[name]
    stock = cls.__mro__[2]
    monkeypatch.setattr(sampler, "tq", Queue)
    monkeypatch.setattr(
        stock,
        "sample",
        lambda self, global_steps, partition_id, batch_size: (
            KVBatchMeta(partition_id=partition_id, keys=["a_0_0", "a_1_0", "b_0_0"][:batch_size], tags=[{}] * 3),
            {"training/filter_groups/evicted_samples": 2},
        ),
    )
    _, buffer = build(name=name, mode="sync" if mode == "sync" else "colocate_async")
    batch, metrics = buffer.sample(global_steps=1, partition_id="train", batch_size=3)
    assert Queue.asked == {"keys": batch.keys, "partition_id": "train", "select_fields": ["extra_fields"]}
    assert metrics["training/filter_groups/evicted_samples"] == 2
    assert metrics["reward/num_samples"] == 2
    assert metrics["reward/acc/mean"] == 0.5
    Queue.asked = None
    assert buffer.sample(1, "val", 3)[1] == {"training/filter_groups/evicted_samples": 2}
    assert Queue.asked is None
