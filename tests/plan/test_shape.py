"""Models have the weights that they are published with, and transformers counts the same."""

import json
from pathlib import Path

import pytest

from rm_train.launch.checks.problem import ConfigError
from rm_train.launch.config import compose_config
from rm_train.plan.models import KNOWN, folder_shape, shape_of
from rm_train.plan.shape import Shape

PUBLISHED = {
    "Qwen/Qwen3-0.6B": 0.596e9,
    "Qwen/Qwen3-8B": 8.19e9,
    "Qwen/Qwen3-14B": 14.77e9,
    "Qwen/Qwen3-32B": 32.76e9,
    "Qwen/Qwen2.5-0.5B-Instruct": 0.494e9,
    "Qwen/Qwen2.5-1.5B-Instruct": 1.544e9,
    "Qwen/Qwen2.5-3B-Instruct": 3.086e9,
    "Qwen/Qwen2.5-7B-Instruct": 7.616e9,
    "Qwen/Qwen2.5-14B-Instruct": 14.77e9,
    "Qwen/Qwen2.5-32B-Instruct": 32.76e9,
    "Qwen/Qwen2.5-72B-Instruct": 72.71e9,
    "meta-llama/Llama-3.1-8B-Instruct": 8.03e9,
    "meta-llama/Llama-3.1-70B-Instruct": 70.55e9,
}
"""What the models' pages on the hub say, by the tensors in their files."""


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_weights_are_those_that_are_published(name: str) -> None:
    assert KNOWN[name].parameters == pytest.approx(PUBLISHED[name], rel=1e-3)


@pytest.mark.parametrize(
    ("name", "bytes_a_token"),
    [("Qwen/Qwen3-8B", 147456), ("meta-llama/Llama-3.1-8B-Instruct", 131072), ("Qwen/Qwen2.5-7B-Instruct", 57344)],
)
def test_a_token_takes_the_cache_that_it_is_known_to_take(name: str, bytes_a_token: int) -> None:
    assert KNOWN[name].cache_bytes == bytes_a_token


def config_json(family: str) -> dict:
    return {
        **{"model_type": family, "num_hidden_layers": 3, "hidden_size": 64, "num_attention_heads": 4},
        **{"num_key_value_heads": 2, "head_dim": 24, "intermediate_size": 96, "vocab_size": 101},
    }


def written(folder: Path, content: dict) -> Path:
    (folder / "config.json").write_text(json.dumps(content))
    return folder


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("family", ["llama", "mistral", "qwen2", "qwen3"])
def test_a_folder_counts_as_transformers_counts_it(tmp_path: Path, family: str, tied: bool) -> None:
    from transformers import AutoConfig, AutoModelForCausalLM

    content = config_json(family)
    if family == "qwen2":
        del content["head_dim"]  # it is the hidden size by the heads
    folder = written(tmp_path, {**content, "tie_word_embeddings": tied})
    model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folder))
    assert folder_shape(folder).parameters == model.num_parameters()


def test_adapters_count_as_peft_counts_them(tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model
    from transformers import AutoConfig, AutoModelForCausalLM

    folder = written(tmp_path, config_json("qwen3"))

    def trained(modules) -> int:
        model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folder))
        return get_peft_model(model, LoraConfig(r=8, target_modules=modules)).num_parameters(only_trainable=True)

    shape = folder_shape(folder)
    assert shape.adapter_parameters(8) == trained("all-linear")
    assert shape.adapter_parameters(8, ["q_proj", "v_proj"]) == trained(["q_proj", "v_proj"])


def test_adapters_of_qwen3_8b() -> None:
    # 32 x 36 x (8192 + 2 x 5120 + 8192 + 3 x 16384), by hand.
    assert KNOWN["Qwen/Qwen3-8B"].adapter_parameters(32) == 87_293_952


def test_a_critic_has_one_output_in_place_of_a_vocabulary() -> None:
    shape = Shape(3, 64, 4, 2, 24, 96, 101)
    assert shape.parameters - shape.critic_parameters == 100 * 64


@pytest.mark.parametrize("base_model", ["qwen3_8b", "qwen3_14b", "qwen2_5_14b", "qwen3_32b", "smollm2", "tiny"])
def test_every_preset_has_a_shape(base_model: str) -> None:
    assert shape_of(compose_config("pointwise", [f"base_model={base_model}"])).parameters > 0


def test_the_tiny_judge_is_as_large_as_it_is_built(tmp_path: Path) -> None:
    from rm_train.models.tiny.architecture import VOCABULARY, build_model, build_tokenizer

    tokenizer = build_tokenizer(["a few words", "and some more"])
    shape = shape_of(compose_config("pointwise", [f"cache_dir={tmp_path}"]))
    smaller = (VOCABULARY - len(tokenizer)) * shape.hidden
    assert shape.parameters - smaller == build_model(tokenizer).num_parameters()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"model_type": "mamba"}, "model_type 'mamba' are not known here, only those of llama, mistral, qwen2, qwen3"),
        ({"vocab_size": None}, "has no whole number vocab_size"),
    ],
)
def test_a_folder_that_does_not_say_enough(tmp_path: Path, change: dict, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        folder_shape(written(tmp_path, {**config_json("llama"), **change}))


def test_a_folder_without_config(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"config\.json is missing or unreadable"):
        folder_shape(tmp_path)
