"""The presets fit their GPUs by the calculation, which is right where it can be checked, and which the page shows."""

from pathlib import Path

import pytest
from omegaconf import DictConfig

from rm_train.launch.config import compose_config
from rm_train.launch.sizing import GIB, MACHINES, MODELS, Job, Model, Offload, Settings, fits, memory, recommend, table

QWEN2_5_3B = Model(36, 2048, 16, 2, 128, 11008, 151936, tied_embeddings=True)


def compose(model: str, machine: str, *overrides: str) -> DictConfig:
    return compose_config("pointwise", [f"base_model={model}", f"hardware={machine}", "dataset=helpsteer2", *overrides])


def job_of(config: DictConfig, model: Model) -> Job:
    trainer, data = config.trainer, config.data
    return Job(
        model,
        trainer.nnodes * trainer.n_gpus_per_node,
        trainer.n_gpus_per_node,
        data.max_prompt_length,
        data.max_response_length,
        data.train_batch_size,
        config.actor_rollout_ref.rollout.n,
    )


def settings_of(config: DictConfig) -> Settings:
    actor, rollout = config.actor_rollout_ref.actor, config.actor_rollout_ref.rollout
    engine = actor.fsdp_config
    assert engine.param_offload == engine.optimizer_offload
    offload = Offload.BETWEEN if engine.param_offload else Offload.NONE
    return Settings(
        rollout.tensor_model_parallel_size,
        actor.ppo_max_token_len_per_gpu,
        rollout.gpu_memory_utilization,
        Offload.HOST if engine.offload_policy else offload,
    )


@pytest.mark.parametrize("machine", ["gpu8", "nodes"])
@pytest.mark.parametrize("name", MODELS)
def test_the_presets_are_what_the_calculation_recommends(name: str, machine: str) -> None:
    config = compose(name, machine)
    job = job_of(config, MODELS[name])
    assert job == Job(MODELS[name], *MACHINES[machine])
    assert settings_of(config) == recommend(job)
    assert fits(job, settings_of(config))


@pytest.mark.parametrize("name", MODELS)
def test_one_gpu_holds_a_large_model_only_from_host_memory(name: str) -> None:
    config = compose(name, "gpu1")
    assert not fits(job_of(config, MODELS[name]), settings_of(config))
    config = compose(name, "gpu1", "actor_rollout_ref.actor.fsdp_config.offload_policy=true")
    assert fits(job_of(config, MODELS[name]), settings_of(config))


def test_one_gpu_trains_three_billion_parameters_as_it_is() -> None:
    config = compose("hf", "gpu1", "base_model_path=somewhere")
    assert settings_of(config).offload is Offload.BETWEEN
    assert fits(job_of(config, QWEN2_5_3B), settings_of(config))


@pytest.mark.parametrize(("name", "billions"), [("qwen3_8b", 8.19), ("qwen3_14b", 14.77), ("qwen2_5_14b", 14.77)])
def test_the_parameters_are_those_that_the_model_cards_give(name: str, billions: float) -> None:
    assert MODELS[name].parameters / 1e9 == pytest.approx(billions, abs=0.01)


def test_tied_embeddings_count_once() -> None:
    assert QWEN2_5_3B.parameters / 1e9 == pytest.approx(3.09, abs=0.01)


def test_a_model_counts_as_transformers_counts_it() -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    shape = Model(layers=3, hidden=64, heads=4, kv_heads=2, head_dim=16, intermediate=96, vocab=101)
    config = LlamaConfig(
        num_hidden_layers=3, hidden_size=64, num_attention_heads=4, num_key_value_heads=2, head_dim=16,
        intermediate_size=96, vocab_size=101, tie_word_embeddings=False,
    )  # fmt: skip
    assert shape.parameters == LlamaForCausalLM(config).num_parameters()


def test_training_states_take_sixteen_bytes_a_parameter_over_all_gpus() -> None:
    model = MODELS["qwen3_8b"]
    taken = memory(Job(model, 8, 8), Settings(1, 24576, 0.6, Offload.NONE))
    assert taken.states * 8 == 16 * model.parameters
    assert taken.resident * 8 == 12 * model.parameters  # the gradients are freed
    assert taken.engine == pytest.approx(0.6 * 79 * GIB)


def test_a_token_of_qwen3_8b_takes_144_kib_of_cache() -> None:
    assert MODELS["qwen3_8b"].cache_bytes == 144 * 1024


def test_offload_moves_memory_from_the_gpu_to_the_host() -> None:
    model = MODELS["qwen3_8b"]
    stays, leaves, lives = (memory(Job(model, 1, 1), Settings(1, 24576, 0.6, offload)) for offload in Offload)
    assert stays.states == leaves.states > lives.states == 0
    assert stays.resident > leaves.resident == lives.resident == 0
    assert (stays.host, leaves.host, lives.host) == (0, 12 * model.parameters, 16 * model.parameters)


def test_a_micro_batch_must_hold_a_longest_sequence() -> None:
    job = Job(MODELS["qwen3_8b"], 8, 8)
    assert fits(job, Settings(1, 6144, 0.6, Offload.NONE))
    assert not fits(job, Settings(1, 6143, 0.6, Offload.NONE))


def test_a_cache_too_small_does_not_fit() -> None:
    job = Job(MODELS["qwen3_14b"], 8, 8)
    assert not fits(job, Settings(1, 24576, 0.6, Offload.NONE))
    assert fits(job, Settings(2, 24576, 0.6, Offload.NONE))


def test_nothing_is_recommended_where_nothing_fits() -> None:
    assert recommend(Job(MODELS["qwen3_14b"], 1, 1, gpu_gib=23.0)) is None


def test_smaller_gpus_get_smaller_micro_batches_or_more_offload() -> None:
    wide, narrow = (recommend(Job(MODELS["qwen3_8b"], 8, 8, gpu_gib=size)) for size in (79.0, 47.0))
    assert wide and narrow
    assert (narrow.offload, -narrow.tokens) != (wide.offload, -wide.tokens)
    assert narrow.tokens <= wide.tokens


def test_the_page_shows_the_table_of_the_calculation() -> None:
    page = (Path(__file__).parents[2] / "docs" / "sizing.md").read_text()
    assert table() in page
