"""`GalleryRewardManager` and `compute_score` in verl's real reward workers, on real Ray."""

import asyncio
import json

import numpy as np
import pytest
import ray
import torch
from verl.experimental.reward_loop import RewardLoopManager, RewardLoopWorker
from verl_answers import MANAGER, rows

from reward_fn.adapters.verl.sample_log import LogSettings, SampleLog
from reward_fn.adapters.verl.scorer import KINDS, MEASURES
from reward_fn.loading import RewardConfigError
from reward_fn.schema import FailureKind, RewardError

MIX = {"reward": "weighted_sum", "parts": {"match": "string_match", "short": {"reward": "length_penalty"}}}
OWN = {"score", "failed", "failure_kind", *MEASURES}
KEYS = OWN | {"match", "short"}


@pytest.fixture
def scored(cluster, composed):
    """Scores rows by verl's workers in processes of Ray, and returns the tensor of scores and all numbers."""
    started = []

    def scored(kwargs, data, *overrides):
        manager = RewardLoopManager(composed(kwargs, *overrides))
        started.extend(manager.reward_loop_workers)
        result = manager.compute_rm_score(data)
        extra = {key: list(result.non_tensor_batch[key]) for key in result.meta_info["reward_extra_keys"]}
        return result.batch["rm_scores"], extra

    yield scored
    for worker in started:
        ray.kill(worker)


@pytest.fixture
def numbers(composed):
    """Scores rows by one of verl's workers in this process, and returns all numbers."""

    async def scored(config, data):
        return await RewardLoopWorker(config).compute_score_batch(data)

    def numbers(kwargs, data, *overrides):
        outputs = asyncio.run(scored(composed(kwargs, *overrides), data))
        infos = [output["reward_extra_info"] for output in outputs]
        assert [output["reward_score"] for output in outputs] == [info["score"] for info in infos]
        assert all(list(info) == list(infos[0]) for info in infos)
        return {key: [info[key] for info in infos] for key in infos[0]}

    return numbers


def test_special_tokens_are_left_out_and_the_score_stands_at_the_end(scored, tokenizer):
    data = rows(tokenizer, "4 <end>", "5 <end>", "the sum is 4 <end>")
    tensor, extra = scored({"reward": "string_match"}, data, *MANAGER)
    assert extra["score"] == [1, 0, 0]
    assert tensor[0].tolist() == [0, 1, 0, 0, 0, 0]
    assert set(extra) == OWN | {"truncated"}


def test_the_function_under_verls_own_manager_says_the_same(numbers, tokenizer):
    data = rows(tokenizer, "4 <end>", "5 <end>", "the sum is 4 <end>")
    ours = numbers(MIX, data, *MANAGER)
    naive = numbers(MIX, data, "reward.custom_reward_function.name=compute_score")
    plain = numbers(MIX, data, "reward.custom_reward_function.name=compute_score_sync")
    assert ours["score"] == naive["score"] == plain["score"]
    assert ours["match"] == naive["match"] == plain["match"] == [1, 0, 0]
    assert set(naive) == set(plain) == KEYS and set(ours) == KEYS | {"truncated"}


LOST = {**MIX, "on_failure": {"constant": -2}}


def test_sample_0_may_fail(scored, tokenizer):
    data = rows(tokenizer, "4 <end>", "4 <end>", "5 <end>", ground_truth=[None, "4", "4"])
    tensor, extra = scored(LOST, data, *MANAGER)
    assert extra["failed"] == [1, 0, 0]
    assert tensor.sum(dim=1).tolist() == pytest.approx(extra["score"])
    assert extra["score"][0] == -2
    assert extra["match"] == [0, 1, 0]
    assert all(np.isfinite(values).all() for values in extra.values())


def test_sample_0_may_fail_under_verls_own_manager(numbers, tokenizer):
    data = rows(tokenizer, "4 <end>", "4 <end>", ground_truth=[None, "4"])
    extra = numbers(LOST, data, "reward.custom_reward_function.name=compute_score")
    assert (extra["failed"], extra["match"], extra["score"][0]) == ([1, 0], [0, 1], -2)


def test_answers_that_were_cut_off_are_marked_and_may_have_their_own_score(numbers, tokenizer):
    data = rows(tokenizer, "the sum is the sum 4", "the sum is the 4 <end>", "4 <end>")
    extra = numbers(MIX, data, *MANAGER)
    assert extra["truncated"] == [1, 0, 0]
    with_policy = numbers({**MIX, "on_truncated": {"constant": -1}}, data, *MANAGER)
    assert with_policy["truncated"] == [1, 0, 0]
    assert with_policy["score"] == [-1, *extra["score"][1:]]


def test_a_failure_is_verls_when_the_policy_raises(numbers, tokenizer):
    data = rows(tokenizer, "4 <end>", "4 <end>", ground_truth=["4", None])
    with pytest.raises(RewardError, match="the label's reference is missing"):
        numbers({"reward": "string_match"}, data, *MANAGER)


def test_the_manager_does_not_pass_over_a_function(numbers, tokenizer, tmp_path):
    mine = tmp_path / "mine.py"
    mine.write_text("def compute_score(**_): return 0.0")
    with pytest.raises(RewardConfigError, match=r"custom_reward_function\.path: is .*mine\.py; this manager scores by"):
        numbers(MIX, rows(tokenizer, "4"), *MANAGER, f"reward.custom_reward_function.path={mine}")


def test_group_mean_needs_the_sampler(numbers, tokenizer):
    data = rows(tokenizer, "4 <end>", "4 <end>", ground_truth=["4", None])
    kwargs = {**MIX, "on_failure": "group_mean"}
    with pytest.raises(RewardConfigError, match=r"on_failure: .* write trainer\.v1\.sampler\.custom_sampler\.path="):
        numbers(kwargs, data, *MANAGER)
    sampler = "trainer.v1.sampler.custom_sampler={path: 'pkg://reward_fn.adapters.verl', name: MetricsReplayBuffer}"
    with pytest.raises(RewardConfigError, match="on_failure"):
        numbers(kwargs, data, *MANAGER, sampler, "trainer.use_v1=false")
    assert numbers(kwargs, data, *MANAGER, sampler)["failed"] == [0, 1]


LONGEST_WINS = "plugged_rewards:LongestReward"
GROUP = {"reward": {"reward": "weighted_sum", "parts": {"long": LONGEST_WINS, "match": "string_match"}}}
SIZES = ["actor_rollout_ref.rollout.n=3", "actor_rollout_ref.rollout.val_kwargs.n=3"]


def test_answers_to_one_prompt_are_compared_wherever_they_are_scored(scored, tokenizer):
    answers = ["4 <end>", "the sum is 4 <end>", "is 4 <end>", "the <end>", "sum <end>", "the 4 <end>"]
    data = rows(tokenizer, *answers, group=3)
    data.reorder(torch.tensor([0, 3, 1, 4, 2, 5]))
    tensor, extra = scored(GROUP, data, *MANAGER, *SIZES)
    assert extra["long"] == [0, 0, 1, 0, 0.5, 1]
    assert extra["match"] == [1, 0, 0, 0, 0, 0]
    assert tensor.sum(dim=1).tolist() == pytest.approx(extra["score"])
    assert extra["failed"] == [0] * 6


def test_a_group_that_cannot_be_compared_fails_and_no_other(cluster, numbers, tokenizer):
    data = rows(tokenizer, "4 <end>", "5 <end>", "4 <end>", "is <end>", "4 <end>", "the sum <end>", group=3)
    extra = numbers({**GROUP, "on_failure": {"constant": -1}}, data, *MANAGER, *SIZES)
    assert extra["failed"] == [1, 1, 1, 0, 0, 0]
    assert extra["failure_kind"][:3] == [float(KINDS.index(FailureKind.REFUSAL) + 1)] * 3
    assert extra["long"] == [0, 0, 0, 0.5, 0, 1]


def test_an_answer_that_is_alone_has_a_reward_of_its_own(cluster, numbers, tokenizer):
    data = rows(tokenizer, "4 <end>", "5 <end>", "is <end>", "the sum <end>", group=2)
    for index, split in enumerate(["test", "test", "train", "train"]):
        data.non_tensor_batch["extra_info"][index]["split"] = split
    kwargs = {"reward": LONGEST_WINS, "group": {"alone": "string_match"}}
    extra = numbers(kwargs, data, *MANAGER, "actor_rollout_ref.rollout.n=2")
    assert extra["score"] == [1, 0, 0, 1]


def test_an_answer_that_is_alone_may_be_compared_with_the_reference(cluster, numbers, tokenizer):
    data = rows(tokenizer, "the sum is <end>", "5 is <end>", "sum <end>", ground_truth=["the sum", "the sum", None])
    kwargs = {"reward": LONGEST_WINS, "group": {"against_reference": True}, "on_failure": {"constant": -1}}
    assert numbers(kwargs, data, *MANAGER)["score"] == [1, 0, -1]


def test_what_the_cluster_shares_is_made_by_the_workers(scored, tokenizer):
    kwargs = {
        "reward": {"reward": "cached", "of": "math_verify_reward"},
        "hosting": {"rules": {"workers": 1}, "cache": True},
    }
    data = rows(tokenizer, "4 <end>", "5 <end>", "4 <end>", "5 <end>", ground_truth="\\sqrt{16}")
    _, extra = scored(kwargs, data, *MANAGER)
    assert extra["score"] == [1, 0, 1, 0]
    names = ray.util.list_named_actors()
    assert "reward_fn cache" in names and any(name.startswith("reward_fn rules ") for name in names)


def test_turns_and_what_tools_have_left_are_places_in_a_row(numbers, tokenizer):
    data = rows(tokenizer, "4 <end>", "4 <end>")
    data.non_tensor_batch["__num_turns__"] = np.array([2, 4])
    data.non_tensor_batch["tool_extra_fields"] = np.array([{"calls": 0}, {"calls": 3}], dtype=object)
    metadata = {"turns": "extra_info.num_turns", "calls": "extra_info.calls"}
    kwargs = {"reward": "plugged_rewards:TurnsReward", "fields": {"metadata": metadata}}
    assert numbers(kwargs, data, *MANAGER)["score"] == [2, 34]


def test_training_is_more_urgent_than_validation(numbers, tokenizer):
    data = rows(tokenizer, *["4 <end>"] * 3)
    for index, split in enumerate(["train", "test"]):
        data.non_tensor_batch["extra_info"][index]["split"] = split
    assert numbers({"reward": "plugged_rewards:UrgencyReward"}, data, *MANAGER)["score"] == [0, 1, 0]


def test_reasons_and_texts_go_to_the_log(numbers, tokenizer, tmp_path):
    data = rows(tokenizer, "4 <end>", "5 <end>", "4 <end>", ground_truth=["4", "4", None])
    kwargs = {**MIX, "on_failure": {"constant": 0}, "log": {"folder": str(tmp_path / "log")}}
    numbers(kwargs, data, *MANAGER)
    (file,) = (tmp_path / "log").iterdir()
    assert file.name.split(".")[0] == "step_000003"
    lines = {line["uid"]: line for line in map(json.loads, file.read_text().splitlines())}
    assert len(lines) == 3
    right, wrong, failed = (lines[uid] for uid in ("u0", "u1", "u2"))
    assert right["prompt"] == [{"role": "user", "content": "sum 0"}]
    assert (right["answer"], right["ground_truth"], right["numbers"]["match"]) == ("4", "4", 1)
    assert wrong["numbers"]["match"] == 0 and wrong["reasons"]["match"]
    assert failed["failure"][0] == "bad_input" and failed["numbers"]["failed"] == 1


def test_a_full_file_says_so_and_old_ones_go(tmp_path):
    log = SampleLog(LogSettings(folder=tmp_path, keep_steps=2, max_mb=0.0001))
    for step in (1, 2, 3):
        for _ in range(5):
            log.write(step, {"answer": "x" * 40})
    names = sorted(path.name.split(".")[0] for path in tmp_path.iterdir())
    assert names == ["step_000002", "step_000003"]
    lines = [json.loads(line) for line in next(tmp_path.glob("step_000003.*")).read_text().splitlines()]
    assert [list(line) for line in lines] == [["answer"], ["full"]]
