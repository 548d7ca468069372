"""Tokens and seconds of a step by hand, and the bottleneck where it must be."""

from dataclasses import replace

import pytest

from rm_train.plan.job import BETWEEN, HOST, NONE, Critic, Job, Settings
from rm_train.plan.models import KNOWN
from rm_train.plan.speed import GPUS, speed
from rm_train.plan.tokens import average_lengths, tokens

N = 8_190_735_360
JOB = Job(KNOWN["Qwen/Qwen3-8B"], 1, 8)
SETTINGS = Settings(1, 24576, 0.6, NONE)
LENGTHS = average_lengths(JOB, 2048, 1024)
H100 = GPUS["h100"]


def seconds(job: Job = JOB, settings: Settings = SETTINGS) -> dict[str, float]:
    return {part.name: part.seconds for part in speed(job, settings, LENGTHS, H100)}


def test_the_tokens_of_a_step() -> None:
    values = {line.what: line.value for line in tokens(JOB, SETTINGS, LENGTHS)}
    assert values["prompts, at most"] == 96 * 4 * 4096
    assert values["answers, at most"] == 96 * 4 * 2048
    assert values["answers, on average"] == 96 * 4 * 1024
    assert values["updates"] == 4
    # 24 x 4 sequences of 6144 tokens on 8 GPUs, 24576 at a time.
    assert values["micro-batches of an update on a GPU, at most"] == 3
    assert values["micro-batches of an update on a GPU, on average"] == 2


def test_lengths_are_half_of_the_most_where_nobody_says_otherwise() -> None:
    assert average_lengths(JOB, None, None) == replace(LENGTHS, prompt=2048, response=1024)
    assert average_lengths(JOB, 100, None).prompt == 100


def test_the_update_by_hand() -> None:
    trained = 96 * 4 * (2048 + 1024)
    peak = 8 * 989e12 * 0.4
    weights = 8 * N * trained / peak
    # Forward, anew and twice that backward; 4 x width for each of half the tokens before.
    attention = 4 * 4 * 36 * (32 * 128) * (3072 / 2) * trained / peak
    assert seconds()["update"] == pytest.approx(weights + attention)


def test_the_rollout_by_hand() -> None:
    bandwidth = 3.35e12 * 0.7
    prefill = 2 * N * 96 * 2048 / (8 * 989e12 * 0.5)
    read_weights = 2048 * 2 * N / bandwidth  # 48 sequences of a replica fit at once
    read_cache = 48 * 1024 * (2048 + 512) * 147456 / bandwidth
    assert seconds()["rollout"] == pytest.approx(prefill + read_weights + read_cache)


def test_the_weight_sync_by_hand() -> None:
    assert seconds()["weight sync"] == pytest.approx(4 * N * 7 / 8 / (450e9 * 0.7) + 4 * N / (3.35e12 * 0.7))


def test_parts_that_are_not_there_take_no_time() -> None:
    assert list(seconds()) == ["rollout", "update", "weight sync"]
    more = replace(JOB, reference=True, recomputed=True, critic=Critic(24576, BETWEEN))
    assert list(seconds(more)) == [
        "rollout", "log-probabilities", "values and update of the critic", "update", "weight sync",
    ]  # fmt: skip
    passes = 2 * 2 * N * 96 * 4 * 3072 / (8 * 989e12 * 0.5)
    assert seconds(more)["log-probabilities"] == pytest.approx(passes)


def test_adapters_save_a_quarter_of_the_update_and_all_of_the_sync() -> None:
    lora = seconds(replace(JOB, adapters=87_293_952))
    assert lora["weight sync"] < 0.02 * seconds()["weight sync"]
    assert 0.7 < lora["update"] / seconds()["update"] < 0.8


def test_what_is_offloaded_takes_time_to_move() -> None:
    moved = seconds(settings=replace(SETTINGS, offload=BETWEEN))["update"] - seconds()["update"]
    assert moved == pytest.approx(2 * 12 * N / 8 / (64e9 * 0.7))
    on_host = seconds(settings=replace(SETTINGS, offload=HOST))["update"] - seconds()["update"]
    assert on_host == pytest.approx(4 * 28 * N / 200e9)  # four updates; the copies hide behind the operations


def test_small_micro_batches_on_many_nodes_wait_for_the_network() -> None:
    slow = speed(replace(JOB, nodes=4), replace(SETTINGS, tokens=6144), LENGTHS, replace(H100, network=5e9))
    update = next(part for part in slow if part.name == "update")
    traffic = next(line for line in update.figures if line.what.startswith("weights gathered"))
    assert update.seconds == traffic.value
    # Each node receives all but its own part through its eight adapters.
    assert traffic.value == pytest.approx(4 * 2 * 8 * N * 31 / 32 / (8 * 5e9 * 0.7))


def test_a_cache_for_few_makes_waves() -> None:
    few = seconds(settings=replace(SETTINGS, utilization=0.3))["rollout"]
    assert few > 1.5 * seconds()["rollout"]
