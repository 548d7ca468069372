"""Groups with failed answers, in a real TransferQueue, before verl's own trainer code and our sampler."""

from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import ray
import tensordict
import torch
import transfer_queue as tq
from omegaconf import OmegaConf
from verl.trainer.ppo.core_algos import compute_grpo_outcome_advantage
from verl.trainer.ppo.v1 import get_trainer_cls
from verl.trainer.ppo.v1.replay_buffer import ReplayBuffer

from reward_fn.adapters.verl import settings
from reward_fn.adapters.verl.failure_rate import FailureLimit, FailureRate, TooManyFailuresError
from reward_fn.adapters.verl.group_mean import group_means
from reward_fn.adapters.verl.scorer import KINDS
from reward_fn.loading import RewardConfigError
from reward_fn.schema import FailureKind

SAMPLER = "trainer.v1.sampler.custom_sampler"
FUNCTION = "reward.custom_reward_function"
N = 3


@pytest.fixture(scope="module")
def queue():
    ray.init("local", num_cpus=4, include_dashboard=False, log_to_driver=False)
    tq.init(OmegaConf.create({"backend": {"SimpleStorage": {"num_data_storage_units": 1}}}))
    yield
    tq.close()
    ray.shutdown()


@pytest.fixture
def groups(queue):
    """Puts groups into the queue, each given by the parts of its answers that have a reward; returns all their uids."""
    uids_made = []

    def put(*rewards, partition="train", lengths=(2, 3, 4)):
        for samples in rewards:
            uid = f"uid{len(uids_made)}"
            uids_made.append(uid)
            status = "finished" if len(samples) == N else "failure"
            tag = {"is_prompt": True, "status": status, "global_steps": 1}
            tq.kv_put(key=uid, partition_id=partition, fields={"raw": torch.zeros(1)}, tag=tag)
            for session, parts in enumerate(samples):
                key = f"{uid}_{session}_0"
                fields = tensordict.TensorDict(
                    {
                        "extra_fields": tensordict.NonTensorStack({"reward_extra_info": parts}),
                        "rm_scores": torch.nested.as_nested_tensor(
                            [torch.tensor([0.0] * (session + 1) + [parts["score"]])], layout=torch.jagged
                        ),
                        "responses": torch.nested.as_nested_tensor(
                            [torch.arange(lengths[session])], layout=torch.jagged
                        ),
                    },
                    batch_size=[1],
                )
                tags = [{"status": "success", "response_len": lengths[session]}]
                tq.kv_batch_put(keys=[key], partition_id=partition, fields=fields, tags=tags)
        return uids_made

    yield put
    for partition in ("train", "val"):
        if keys := list((tq.kv_list(partition_id=partition) or {}).get(partition, {})):
            tq.kv_clear(partition_id=partition, keys=keys)


def part(score, kind=None, **more):
    """The numbers of an answer; `kind` says why it has failed."""
    code = 0.0 if kind is None else KINDS.index(kind) + 1.0
    return {"score": score, "failed": float(kind is not None), "failure_kind": code, "seconds": 0.5, **more}


def whole(score):
    return [part(score)] * N


@pytest.fixture
def build(verl_config):
    return partial(trainers_sampler, verl_config)


def trainers_sampler(verl_config, kwargs, *overrides, mode="sync", refill=None):
    """Let verl's trainer build our sampler; `refill` says what comes for one more prompt."""
    name = "MetricsReplayBuffer" if mode == "sync" else "MetricsReplayBufferAsync"
    overrides = [
        *(f"trainer.v1.trainer_mode={mode}", "+data.gen_batch_size=1"),
        *(f"{SAMPLER}.path=pkg://reward_fn.adapters.verl", f"{SAMPLER}.name={name}", *overrides),
    ]
    config = verl_config({"preflight": False, **kwargs}, *overrides)
    trainer = object.__new__(get_trainer_cls(mode))
    trainer.config, trainer.trainer_mode = config, mode
    trainer._next_train_batch = lambda count: count
    trainer._submit_batch_to_rollout = refill
    return trainer._build_replay_buffer()


def uids(batch):
    return sorted({key.split("_")[0] for key in batch.keys})


DROP = {"reward": "string_match", "on_failure": "drop_group"}


@pytest.mark.parametrize("mode", ["sync", "colocate_async"])
@pytest.mark.parametrize("survivors", [N - 1, 1, 0])
def test_what_survives_of_a_failed_group_does_not_train(groups, mode, survivors, build):
    asked = []

    def refill(count):
        asked.append(count)
        groups(*[whole(0.25)] * count)

    names = groups(whole(1.0), [part(1.0)] * survivors)
    batch, metrics = build(DROP, mode=mode, refill=refill).sample(1, "train", 2)
    assert asked == [1]
    assert uids(batch) == [names[0], names[2]]
    assert len(batch.keys) == 2 * N
    assert metrics["training/rollout_failure/evicted_samples"] == 1
    assert metrics["reward/score/mean"] == pytest.approx((1 + 0.25) / 2)
    assert metrics["reward/failed/mean"] == 0
    assert tq.kv_list(partition_id="train")["train"].keys() == set(batch.keys)


def test_a_failure_stops_a_run_that_raises(groups, build):
    groups(whole(1.0), [part(1.0)])
    with pytest.raises(TooManyFailuresError, match="1 groups of step 7 have an answer without a reward"):
        build({"reward": "string_match"}).sample(7, "train", 1)


def test_validation_keeps_its_groups(groups, build):
    names = groups(whole(1.0), [part(1.0)], partition="val")
    batch, metrics = build(DROP).sample(1, "val", 2)
    assert uids(batch) == sorted(names)
    assert metrics == {}


def test_marked_failures_count_and_their_placeholders_do_not(groups, build):
    groups([part(1.0), part(0.5), part(-9.0, FailureKind.TIMEOUT)])
    _, metrics = build({"reward": "string_match", "on_failure": {"constant": -9}}).sample(1, "train", 1)
    assert metrics["reward/score/mean"] == 0.75
    assert metrics["reward/score/min"] == 0.5
    assert metrics["reward/failed/mean"] == metrics["reward/failed/timeout"] == pytest.approx(1 / 3)
    assert not any("failure_kind" in key for key in metrics)
    assert metrics["reward/seconds/mean"] == 0.5


def test_too_many_dropped_groups_end_the_run(groups, build):
    def refill(count):
        groups(*[[]] * count)

    groups([], [])
    with pytest.raises(
        TooManyFailuresError, match=r"4 of the last 4 groups have no reward \(4 x .*\), and at most 50% may"
    ):
        build({**DROP, "failure_limit": {"window": 4}}, refill=refill).sample(1, "train", 2)


def test_too_many_marked_failures_end_the_run(groups, build):
    groups([part(0.0, FailureKind.TIMEOUT)] * N)
    kwargs = {"reward": "string_match", "on_failure": {"constant": 0}, "failure_limit": {"rate": 0.9, "window": N}}
    with pytest.raises(TooManyFailuresError, match=r"3 of the last 3 samples .* \(3 x timeout\), and at most 90% may"):
        build(kwargs).sample(1, "train", 1)


def test_routes_have_figures_of_their_own(groups, build):
    groups([part(1.0, a=1.0, b=0.0, route=0.0), part(0.0, a=0.0, b=0.5, route=1.0), part(0.0, a=0.0, b=1.0, route=1.0)])
    kwargs = {"routes": {"x/y": "string_match", "z": "reasoning_format"}}
    _, metrics = build(kwargs).sample(1, "train", 1)
    assert metrics["reward/x/y/a/mean"] == 1
    assert metrics["reward/z/b/mean"] == 0.75
    assert metrics["reward/z/score/mean"] == 0
    assert metrics["reward/score/mean"] == pytest.approx(1 / 3)
    assert not [key for key in metrics if key.startswith(("reward/a", "reward/b", "reward/route"))]


def test_signs_of_hacking_are_numbers_of_every_batch(groups, build):
    mix = {"reward": "weighted_sum", "parts": {"a": "string_match", "b": "length_penalty"}}
    groups([part(1.0, a=1.0, b=0.0), part(0.5, a=0.5, b=0.0), part(0.0, FailureKind.TIMEOUT, a=0.0, b=0.0)])
    _, metrics = build({**mix, "on_failure": {"constant": 0}}).sample(1, "train", 1)
    alarms = {key: value for key, value in metrics.items() if "alarm" in key}
    # The second answer is one token longer than the first.
    assert alarms == pytest.approx(
        {
            "reward/alarm/spread": 1,
            "reward/alarm/length": -1,
            "reward/alarm/identical": 0,
            "reward/alarm/dominance": 1,
            "reward/alarm/saturated": 0,
        }
    )
    groups(whole(1.0))
    _, metrics = build({"reward": "string_match", "alarms": False}).sample(1, "train", 1)
    assert not [key for key in metrics if "alarm" in key]


@pytest.mark.parametrize(("lengths", "share"), [([2, 3, 4], 0), ([3, 3, 4], 0.5), ([3, 3, 3], 1)])
def test_answers_that_repeat_one_another_are_counted_by_their_tokens(groups, build, lengths, share):
    groups(whole(1.0), lengths=lengths)
    _, metrics = build({"reward": "string_match"}).sample(1, "train", 1)
    assert metrics["reward/alarm/identical"] == share


def test_a_wrong_reward_is_found_when_the_trainer_is_built(build):
    with pytest.raises(RewardConfigError, match="no reward is called 'string_mach'"):
        build({"reward": "string_mach"})


def test_a_reward_that_pays_right_answers_no_more_is_found_when_the_trainer_is_built(build, tmp_path):
    row = {"data_source": "a", "prompt": [{"role": "user", "content": "?"}], "extra_info": {"index": 0}}
    rows = [row | {"reward_model": {"style": "rule", "ground_truth": truth}} for truth in ("4", "5")]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "rows.parquet")
    files = f"data.train_files={tmp_path}/rows.parquet"
    build({"reward": "string_match", "preflight": {"rows": 2}}, files)
    with pytest.raises(RewardConfigError, match=r"an empty answer is paid 0 on average, .* right answer 0"):
        build({"reward": "length_penalty", "min_length": 0, "preflight": {"rows": 2}}, files)


def test_groups_can_only_be_replaced_one_by_one(build):
    with pytest.raises(RewardConfigError, match=r"data\.gen_batch_size: is not 1, .*; write 1"):
        build(DROP, "data.gen_batch_size=8")
    build(DROP, "data.gen_batch_size=8", mode="colocate_async")


MEAN = {"reward": "string_match", "on_failure": "group_mean"}
GRPO = "algorithm.adv_estimator=grpo"
MANAGER = f"reward.reward_manager={{source: importlib, name: {settings.MANAGER}, module: {{path: '{settings.OURS}'}}}}"


def test_a_failed_answer_gets_the_mean_of_its_siblings(groups, build):
    lost = part(0.0, FailureKind.TIMEOUT)
    groups([part(1.0), lost, part(0.5)], [lost] * N, whole(0.25))
    batch, metrics = build(MEAN, GRPO, MANAGER).sample(1, "train", 3)
    stored = tq.kv_batch_get(keys=batch.keys, partition_id="train", select_fields=["rm_scores"])["rm_scores"]
    scores = {key: row.tolist() for key, row in zip(batch.keys, stored, strict=True)}
    assert [[scores[key][-1] for key in sorted(scores) if key.startswith(uid)] for uid in uids(batch)] == [
        [1, 0.75, 0.5],
        [0, 0, 0],
        [0.25] * N,
    ]
    assert all(not any(row[:-1]) for row in scores.values())
    assert metrics["reward/failed/mean"] == pytest.approx(4 / 9)
    assert metrics["reward/score/mean"] == pytest.approx((1 + 0.5 + 3 * 0.25) / 5)
    # In verl's own arithmetic the failed answers have no advantage.
    rewards = torch.tensor([[scores[key][-1]] for key in batch.keys])
    prompts = np.array([key.split("_")[0] for key in batch.keys])
    advantages, _ = compute_grpo_outcome_advantage(rewards, torch.ones_like(rewards), prompts)
    found = dict(zip(batch.keys, advantages[:, 0].tolist(), strict=True))
    first, second, _ = uids(batch)
    assert found[f"{first}_1_0"] == pytest.approx(0, abs=1e-6)
    assert found[f"{first}_0_0"] == pytest.approx(-found[f"{first}_2_0"]) and found[f"{first}_0_0"] > 0
    assert [found[f"{second}_{session}_0"] for session in range(N)] == [0] * N


@pytest.mark.parametrize(("kwargs", "key"), [(MEAN, "on_failure"), ({"log": {"folder": "x"}}, "log")])
def test_what_needs_our_manager_is_found_when_the_trainer_is_built(build, kwargs, key):
    with pytest.raises(RewardConfigError, match=rf"reward_kwargs\.{key}: needs our manager; write .*name: Gallery"):
        build({"reward": "string_match", **kwargs}, GRPO)


def test_the_mean_of_a_group_is_none_for_a_critic(build):
    with pytest.raises(RewardConfigError, match=r"on_failure: a critic learns .*; write drop_group or raise"):
        build(MEAN, "algorithm.adv_estimator=gae")


def test_the_turns_of_one_session_count_once():
    keys = ["a_0_0", "a_0_1", "a_1_0", "a_2_0"]
    means = group_means(keys, [part(1.0), part(1.0), part(0.0), part(0.0, FailureKind.TIMEOUT)])
    assert means == {"a_2_0": 0.5}


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (
            ["reward.reward_model.enable=true"],
            r"reward_model\.enable: .* write reward\.reward_model\.enable_resource_pool",
        ),
        (["reward.reward_manager.name=remote"], r"custom_reward_function\.name: .* write compute_score_sync"),
        (["algorithm.adv_estimator=gdpo"], r"algorithm\.adv_estimator: .* write grpo"),
        (
            ["custom_reward_function.path=x.py"],
            r"custom_reward_function\.path: .* write reward\.custom_reward_function",
        ),
        (["reward_model.reward_manager=dapo"], r"reward_manager: .* write reward\.reward_manager\.name"),
        (
            [
                "+actor_rollout_ref.rollout.agent.agent_loop_manager_class=x.GalleryAgentLoopManager",
                "trainer.use_v1=false",
            ],
            r"agent_loop_manager_class: .* write null",
        ),
    ],
)
def test_what_verl_would_do_otherwise_is_refused(overrides, said, build):
    with pytest.raises(RewardConfigError, match=said):
        build({"reward": "string_match"}, *overrides)


@pytest.mark.parametrize(
    "overrides",
    [
        ["reward.reward_model.enable=true", "reward.reward_model.enable_resource_pool=true"],
        ["reward.reward_manager.name=remote", f"{FUNCTION}.name=compute_score_sync"],
    ],
)
def test_the_fixes_are_accepted(build, overrides):
    assert isinstance(build({"reward": "string_match"}, *overrides), ReplayBuffer)


def test_a_window_that_is_not_full_is_not_judged():
    rate = FailureRate("samples", FailureLimit(rate=0.5, window=4))
    rate.add(["timeout", "crash", "timeout"])
    with pytest.raises(TooManyFailuresError, match=r"3 of the last 4 samples .*2 x timeout, 1 x crash"):
        rate.add([None])
    FailureRate("samples", None).add(["crash"] * 1000)
