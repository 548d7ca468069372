"""What each phase takes: known figures, and numbers reckoned by hand."""

from dataclasses import replace

import pytest

from rm_train.plan.figure import GIB
from rm_train.plan.job import BETWEEN, HOST, NONE, Critic, Job, Offload, Settings
from rm_train.plan.memory import memory
from rm_train.plan.models import KNOWN
from rm_train.plan.shape import Shape

QWEN3_8B = KNOWN["Qwen/Qwen3-8B"]
N = 8_190_735_360
A = 87_293_952
EIGHT = Job(QWEN3_8B, 1, 8)
LORA = replace(EIGHT, adapters=A)
STAYS = Settings(1, 24576, 0.6, NONE)


def test_training_states_take_sixteen_bytes_a_parameter_over_all_gpus() -> None:
    taken = memory(EIGHT, STAYS)
    assert taken.phase("training").of("states") * 8 == 16 * N
    assert taken.phase("rollout").of("trainer") * 8 == 12 * N  # the gradients are freed
    assert taken.phase("rollout").of("vLLM's share") == pytest.approx(0.6 * 79 * GIB)


@pytest.mark.parametrize(("gpus", "gigabytes"), [(1, 120), (4, 30), (16, 7.5), (64, 1.88)])
def test_the_table_of_the_zero_paper(gpus: int, gigabytes: float) -> None:
    # ZeRO, table 1: 7.5 billion parameters, stage 3 (all states sharded).
    shape = Shape(36, 4096, 32, 32, 128, 10500, 50000)
    states = memory(Job(shape, 1, gpus), STAYS).phase("training").of("states")
    assert states / 1e9 * (7.5e9 / shape.parameters) == pytest.approx(gigabytes, rel=3e-3)


def test_training_qwen3_8b_on_eight_gpus_by_hand() -> None:
    tokens, layer = 24576, 192_946_432
    inside = 2 * (6 * 4096 + 2 * 128 * (32 + 16) + 4 * 12288)
    head = 151936 * 4096
    by_hand = (
        16 * N / 8
        + 4 * layer
        + 8 * head
        + tokens * (2 * 36 * 4096 + inside + 4 * 151936)
        + 12 * 2048 * 151936
        + 3 * GIB
    )
    assert memory(EIGHT, STAYS).phase("training").total == pytest.approx(by_hand)
    assert by_hand / GIB == pytest.approx(51.7, abs=0.05)


def test_the_weight_sync_and_the_cache_by_hand() -> None:
    taken = memory(EIGHT, STAYS)
    sync = 2 * N + 12 * N / 8 + 4 * 151936 * 4096 + 2 * GIB + 3 * GIB
    assert taken.phase("weight sync").total == pytest.approx(sync)
    room = 0.6 * 79 * GIB - 2 * N - 8192 * (172032 + 4 * 4096)
    assert taken.cache.value == pytest.approx(room / 147456)
    assert taken.cache.value == pytest.approx(223_594, abs=1)


def test_adapters_alone_have_gradients_and_moments() -> None:
    taken = memory(LORA, STAYS)
    assert taken.phase("training").of("states") == (4 * (N + A) + 12 * A) / 8
    assert taken.phase("rollout").of("trainer") == (4 * (N + A) + 8 * A) / 8
    # Nothing of the base model is sent, so no tensor of it is gathered; vLLM keeps it in host memory while it sleeps.
    assert not taken.phase("weight sync").of("largest tensor")
    assert taken.hosts[1].of("vLLM's weights while it sleeps") == 8 * 2 * N


def test_adapters_bring_the_weights_beneath_back_before_they_are_sent() -> None:
    offloaded = memory(LORA, replace(STAYS, offload=BETWEEN))
    assert offloaded.phase("rollout").of("trainer") == 0
    assert offloaded.phase("weight sync").of("trainer") == 4 * (N + A) / 8


def test_offload_moves_memory_from_the_gpu_to_the_host() -> None:
    one = Job(QWEN3_8B, 1, 1)
    stays, leaves, lives = (memory(one, replace(STAYS, offload=offload)) for offload in (NONE, BETWEEN, HOST))
    states = [taken.phase("training").of("states") for taken in (stays, leaves, lives)]
    assert states == [16 * N, 16 * N, 0]
    assert [taken.phase("rollout").of("trainer") for taken in (stays, leaves, lives)] == [12 * N, 0, 0]
    processes = 12 * GIB
    assert [taken.hosts[1].total - processes for taken in (stays, leaves, lives)] == [0, 12 * N, 16 * N]


def test_weights_and_moments_may_leave_by_themselves() -> None:
    half = memory(EIGHT, replace(STAYS, offload=Offload(moments=True)))
    assert half.phase("rollout").of("trainer") == 4 * N / 8
    assert half.hosts[1].of("Adam") == 8 * N


def test_a_reference_is_in_host_memory_and_none_is_needed_with_adapters() -> None:
    with_one, with_adapters = (memory(replace(job, reference=True), STAYS) for job in (EIGHT, LORA))
    assert with_one.hosts[1].of("KL reference") == 4 * N
    assert with_adapters.hosts[1].of("KL reference") == 0
    assert with_one.phases == memory(EIGHT, STAYS).phases


def test_a_critic_has_a_phase_of_its_own() -> None:
    job = replace(EIGHT, critic=Critic(24576, BETWEEN))
    critic = N - 151936 * 4096 + 4096
    taken = memory(job, STAYS)
    assert taken.phase("training of the critic").of("states") == 16 * critic / 8
    assert taken.phase("training of the critic").of("trainer") == 12 * N / 8
    assert taken.hosts[1].of("the critic") == 12 * critic
    stays = memory(replace(job, critic=Critic(24576, NONE)), STAYS)
    for phase in ("training", "rollout", "weight sync"):
        assert stays.phase(phase).total - taken.phase(phase).total == pytest.approx(12 * critic / 8)


def test_a_node_reads_the_model_once_and_tied_embeddings_for_each_process() -> None:
    assert memory(EIGHT, STAYS).hosts[0].of("the model") == 4 * N
    tied = Job(KNOWN["Qwen/Qwen3-4B"], 1, 8)
    assert memory(tied, STAYS).hosts[0].of("the model") == 8 * 4 * tied.shape.parameters


def test_every_line_shows_what_it_sums() -> None:
    for phase in memory(EIGHT, STAYS).phases:
        for line in phase.figures:
            assert eval(line.numbers.replace("x", "*").replace(",", ""), {"GiB": GIB}) == pytest.approx(line.value)
