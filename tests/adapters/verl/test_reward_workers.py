"""Reward workers of verl's that die, under our agent loop manager."""

import asyncio
import os
import signal

import pytest
import ray
from verl.experimental.reward_loop import RewardLoopManager
from verl_answers import MANAGER, rows

from reward_fn.adapters.verl.reward_workers import LIVES, RewardWorkers
from reward_fn.schema import FailureKind, RewardError


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("scoring")


@pytest.fixture(scope="module")
def workers(cluster, composed, folder):
    """verl's reward workers, and what our manager gives agent loops for them."""
    reward = {"reward": "plugged_rewards:PerilousReward", "seconds": 3, "folder": str(folder)}
    config = composed(reward, *MANAGER)
    verls = RewardLoopManager(config).reward_loop_workers
    return verls, RewardWorkers(verls, config, None)


def kill(worker):
    os.kill(ray.get(worker.__ray_call__.remote(lambda _: os.getpid())), signal.SIGKILL)


def test_answers_of_a_killed_worker_are_scored_by_others(workers, tokenizer, folder):
    verls, kept = workers
    answers = ["4 <end>", "the 5 <end>", "the sum is 4 <end>", "4 <end>"] * 8

    async def score():
        calls = [asyncio.ensure_future(kept.remote(rows(tokenizer, answer))) for answer in answers]
        while len(list(folder.iterdir())) < len(answers):
            await asyncio.sleep(0.05)
        await asyncio.to_thread(kill, verls[0])
        return [one["reward_score"] for one in await asyncio.gather(*calls)]

    assert asyncio.run(score()) == [1.0, 0.0, 0.0, 1.0] * 8
    assert len(list(folder.iterdir())) > len(answers), "some were at the killed one"
    assert ray.get_actor("reward_loop_worker_0_again_1")


def test_a_failure_of_the_reward_is_its_own(workers, tokenizer):
    with pytest.raises(RewardError, match="nobody answers"):
        asyncio.run(workers[1].remote(rows(tokenizer, "is <end>")))


def test_an_answer_that_kills_every_worker_is_a_failure(workers, tokenizer):
    with pytest.raises(RewardError) as caught:
        asyncio.run(workers[1].remote(rows(tokenizer, "5 <end>")))
    assert caught.value.failure.kind is FailureKind.CRASH
    assert f"{LIVES} reward workers died with it" in caught.value.failure.detail
