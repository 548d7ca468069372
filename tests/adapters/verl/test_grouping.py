"""Which answers belong together, and what is refused because they would never meet."""

import pytest

from reward_fn.adapters.rows import Row
from reward_fn.adapters.scoring import comparing
from reward_fn.adapters.verl.grouping import Grouping, GroupSettings, group_problems
from reward_fn.adapters.verl.settings import Settings
from reward_fn.loading import RewardConfigError, reward_of
from reward_fn.schema import FailureKind, RewardError

LONGEST = "plugged_rewards:LongestReward"
SMALL = "data.train_batch_size=8"
N = ["actor_rollout_ref.rollout.n=8", "actor_rollout_ref.rollout.val_kwargs.n=8"]


@pytest.mark.parametrize(
    ("described", "name"),
    [
        ("string_match", None),
        (LONGEST, "longest"),
        ({"reward": "tournament", "of": LONGEST}, "tournament"),
        ({"reward": "weighted_sum", "parts": {"a": "string_match", "b": {"reward": "clip", "of": LONGEST, "low": 0}}},
         "longest"),
        ({"reward": "router", "by": "source", "routes": {"a": "string_match"}, "default": LONGEST}, "longest"),
    ],
)  # fmt: skip
def test_what_compares_is_found_inside_mixes(described, name):
    found = comparing(reward_of(described))
    assert (found and found.name) == name


@pytest.fixture
def problems(verl_config):
    def problems(kwargs, *overrides):
        return dict(group_problems(verl_config(kwargs, *overrides), Settings.read(kwargs)))

    return problems


def test_rewards_of_single_answers_have_no_problems(problems):
    assert problems({"reward": "string_match"}, "reward.num_workers=1", "trainer.use_v1=false") == {}


def test_a_group_of_one_needs_a_reward_for_it(problems):
    found = problems({"reward": LONGEST}, "actor_rollout_ref.rollout.n=8", SMALL)
    assert list(found) == ["actor_rollout_ref.rollout.val_kwargs.n"]
    assert "write 2 or more, or in reward_kwargs.group how single answers" in found.popitem()[1]
    alone = {"reward": LONGEST, "group": {"alone": "string_match"}}
    assert not problems(alone, "actor_rollout_ref.rollout.n=8", SMALL)


@pytest.mark.parametrize(
    ("batch", "workers", "overrides", "needed"),
    [
        (96, 1, [], None),
        # 1,024 x 8 answers wait in 8 workers of 1,000 calls: some worker gets more than that.
        (1024, 8, [], 10),
        (1024, 10, [], None),
        (256, 2, ["algorithm.filter_groups.enable=true", "algorithm.filter_groups.max_inflight_gen_batches=2"], 5),
    ],
)
def test_answers_that_wait_for_their_siblings_need_workers(batch, workers, overrides, needed, problems):
    settings = [f"data.train_batch_size={batch}", f"reward.num_workers={workers}", *N, *overrides]
    found = problems({"reward": LONGEST}, *settings)
    assert list(found) == ([] if needed is None else ["reward.num_workers"])
    if needed:
        assert (
            f"is {workers}; " in found["reward.num_workers"]
            and f"write {needed} or more" in found["reward.num_workers"]
        )


def test_batches_of_warm_up_wait_too(problems):
    mode = ["trainer.v1.trainer_mode=colocate_async", "data.train_batch_size=128", "reward.num_workers=1"]
    warm = "trainer.v1.colocate_async.num_warmup_batches"
    assert not problems({"reward": LONGEST}, *mode, "actor_rollout_ref.rollout.n=2", N[1], f"{warm}=1")
    assert problems({"reward": LONGEST}, *mode, *N, f"{warm}=1")


def test_the_older_trainer_does_not_number_answers(problems):
    assert problems({"reward": LONGEST}, *N, "trainer.use_v1=false")["trainer.use_v1"].endswith("write true")


def row(**extra_info):
    return Row("a", "4", "4", extra_info)


def test_the_size_of_a_group(verl_config):
    same = Grouping(verl_config({}, *N), GroupSettings())
    assert same.of(row(), "u", "3", "7") == same.of(row(split="test"), "u", "3", "7") == ("u", "3", 8)
    other = Grouping(verl_config({}, N[0]), GroupSettings())
    assert (other.of(row(split="train"), *"uss").size, other.of(row(split="test"), *"uss").size) == (8, 1)
    with pytest.raises(RewardError, match="write `split` into the rows' extra_info, or make") as error:
        other.of(row(), *"uss")
    assert error.value.failure.kind is FailureKind.BAD_INPUT


def test_answers_to_prompts_that_belong_together_meet_by_their_sessions(verl_config, problems):
    pairs = Grouping(verl_config({}, *N), GroupSettings(consistency_key="extra_info.pair"))
    first, second = (pairs.of(row(pair=5), uid, "3", "7") for uid in ("u1", "u2"))
    assert (first.name, first.size) == (second.name, second.size) == ("7/5/3", 2)
    assert first.member != second.member
    assert pairs.of(row(pair=5), "u1", "4", "7").name != first.name != pairs.of(row(pair=5), "u1", "3", "8").name
    with pytest.raises(RewardError, match=r"row of a has no extra_info\.pair, the consistency_key"):
        pairs.of(row(), "u1", "3", "7")
    kwargs = {"reward": LONGEST, "group": {"consistency_key": "extra_info.pair"}}
    assert not problems(kwargs, SMALL, "actor_rollout_ref.rollout.n=1")


def test_one_way_for_lone_answers():
    with pytest.raises(RewardConfigError, match="group: alone and against_reference are two ways"):
        Settings.read({"reward": LONGEST, "group": {"alone": "string_match", "against_reference": True}})
