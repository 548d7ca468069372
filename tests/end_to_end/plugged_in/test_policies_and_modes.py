"""Each failure policy, both trainers and an asynchronous mode, in short runs of stock verl."""

import re
from collections import Counter

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
DIGEST = {"reward": "plugged_rewards:DigestReward"}
GRPO = "algorithm.adv_estimator=grpo"


def test_groups_with_a_failed_answer_are_replaced_whole(run):
    done = run({**DIGEST, "on_failure": "drop_group"}, GRPO, "+data.gen_batch_size=1")
    assert done.code == 0, done.output[-5000:]
    trained, metrics = done.trained(), done.metrics()
    assert set(Counter((step, uid) for step, uid, _ in trained).values()) == {4}
    assert set(Counter(step for step, _, _ in trained).values()) == {16}
    scored = done.scored()
    dropped = {uid for (_, uid, _), line in scored.items() if line["failure"]}
    assert dropped and not dropped & {uid for _, uid, _ in trained}
    evicted = sum(data.get("training/rollout_failure/evicted_samples", 0) for data in metrics.values())
    assert 0 < evicted <= len(dropped)
    assert all(data["reward/failed/mean"] == 0 for data in metrics.values())


def test_verls_own_filter_of_groups_keeps_working(run):
    dapo = ["algorithm.filter_groups.enable=true", "algorithm.filter_groups.metric=score", "+data.gen_batch_size=1"]
    # Most groups of four are of zeros.
    kwargs = {"reward": "plugged_rewards:LastDigitReward", "on_failure": {"constant": 0}}
    done = run(kwargs, GRPO, *dapo, "algorithm.filter_groups.max_inflight_gen_batches=2")
    assert done.code == 0, done.output[-5000:]
    groups = {}
    for (step, uid, _), score in done.trained().items():
        groups.setdefault((step, uid), set()).add(score)
    assert len(groups) == 8 and all(len(scores) > 1 for scores in groups.values())
    metrics = done.metrics().values()
    assert sum(data.get("training/filter_groups/evicted_samples", 0) for data in metrics) > 0


@pytest.mark.parametrize("trainer", ["trainer.use_v1=true", "trainer.use_v1=false"])
def test_ppo_with_a_critic_trains_on_the_constant(run, trainer):
    done = run({**DIGEST, "on_failure": {"constant": -1}}, trainer, "algorithm.adv_estimator=gae")
    assert done.code == 0, done.output[-5000:]
    lines = list(done.scored().values())
    assert all(set(line["numbers"]) == set(lines[0]["numbers"]) for line in lines)
    scores = {step: data["critic/score/min"] for step, data in done.metrics().items()}
    failed = [line for line in lines if line["numbers"]["failed"]]
    assert failed and min(scores.values()) == -1
    assert all(data["critic/vf_loss"] > 0 for data in done.metrics().values())


def test_answers_are_compared_in_an_asynchronous_mode(run):
    mode = [
        *("trainer.v1.trainer_mode=colocate_async", "actor_rollout_ref.rollout.val_kwargs.n=4"),
        "trainer.v1.sampler.custom_sampler.name=MetricsReplayBufferAsync",
    ]
    done = run({"reward": "plugged_rewards:LongestReward", "on_failure": "group_mean"}, GRPO, *mode)
    assert done.code == 0, done.output[-5000:]
    groups = {}
    for (_, uid, session), line in done.scored().items():
        groups.setdefault(uid, {})[session] = (len(line["answer"]), line["numbers"]["score"])
    trained = {uid for _, uid, _ in done.trained()}
    assert len(trained) == 8
    for uid in trained:
        lengths = [length for length, _ in groups[uid].values()]
        for length, score in groups[uid].values():
            assert score == pytest.approx(sum(other < length for other in lengths) / 3)
    assert all("reward/alarm/identical" in data for data in done.metrics().values())


@pytest.mark.parametrize(
    ("kwargs", "said"),
    [
        ({"on_failure": "raise"}, r"groups of step 1 have an answer without a reward"),
        ({"on_failure": {"constant": 0}, "failure_limit": {"window": 16}},
         r"16 of the last 16 samples have no reward \(16 x connection\), and at most 50% may"),
    ],
)  # fmt: skip
def test_a_run_whose_judge_is_down_ends_with_a_report(run, kwargs, said):
    done = run({"reward": "plugged_rewards:DownReward", **kwargs}, GRPO)
    assert done.code != 0
    assert re.search(said, done.output), done.output[-5000:]
    assert done.trained() == {}
