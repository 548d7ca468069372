"""A model that is not whole, or too short for its prompts, is named before a run starts."""

import json

import pytest

from rm_train.launch.checks.lengths import count_long
from rm_train.launch.checks.model_files import ModelFiles

PATH = "base_model_path"


def test_a_whole_model_folder_is_free_of_problems(check, model):
    assert str(check("base_model=hf", f"{PATH}={model}", "data.max_response_length=512")) == ""


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        (
            "config.json",
            "has no readable config.json, so it is not a model folder; download the whole model folder again",
        ),
        ("model.safetensors", "has no weights (*.safetensors or *.bin); download the whole model folder again"),
        ("tokenizer.json", "has no tokenizer (tokenizer.json or tokenizer.model); save the tokenizer there too"),
        (
            "tokenizer_config.json",
            "has no chat template, so it is not known how to ask the model; take the chat version",
        ),
    ],
)
def test_a_file_that_a_model_folder_lacks_is_named(missing, said, check, model):
    (model / missing).unlink()
    assert said in str(check("base_model=hf", f"{PATH}={model}", "data.max_response_length=512").errors)


def test_a_tokenizer_from_elsewhere_and_a_chat_template_of_the_config_count(check, model, tmp_path):
    (model / "tokenizer_config.json").unlink()
    overrides = ["base_model=hf", f"{PATH}={model}", "data.max_response_length=512"]
    assert not check(*overrides, "actor_rollout_ref.model.custom_chat_template=template").errors
    other = tmp_path / "tokenizer"
    other.mkdir()
    (model / "tokenizer.json").rename(other / "tokenizer.json")
    (other / "chat_template.jinja").write_text("{{ messages }}")
    assert not check(*overrides, f"actor_rollout_ref.model.tokenizer_path={other}").errors


def test_a_critic_may_have_a_model_of_its_own(check, model):
    assert not check("method=ppo").errors
    (model / "config.json").unlink()
    found = check("method=ppo", f"critic.model.path={model}")
    assert f"critic.model.path: {model} has no readable config.json" in str(found.errors)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/no/such/folder", "base_model_path: there is no folder /no/such/folder; correct the path"),
        ("./models/none", "there is no folder"),
        ("'~/models/mine'", "base_model_path: ~/models/mine is taken literally; write base_model_path=/"),
        ("''", "base_model_path: is ''; write text"),
    ],
)
def test_a_model_that_is_nowhere_is_named(path, said, check):
    assert said in str(check("base_model=hf", f"{PATH}={path}").errors)


def test_a_file_is_no_model_folder(check, model):
    found = check("base_model=hf", f"{PATH}={model / 'config.json'}")
    assert f"config.json is a file; name the model folder that holds it: {model}" in str(found.errors)


@pytest.mark.parametrize(
    ("offline", "said"), [("0", "so it will be downloaded"), ("1", "HF_HUB_OFFLINE is set; unset it")]
)
def test_a_model_on_the_hub_is_a_warning(offline, said, check, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", offline)
    found = check("base_model=hf", f"{PATH}=nobody/no-such-model-{offline}")
    assert said in str(found)
    assert not found.errors


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["data.max_prompt_length=1000"],
         "data.max_prompt_length: 1000 and data.max_response_length 32 make 1032 tokens, more than the model's context "
         "(1024); shorten them by 8 tokens"),
        (["actor_rollout_ref.rollout.max_model_len=200"],
         "more than actor_rollout_ref.rollout.max_model_len (200); shorten them by 88 tokens, or write "
         "actor_rollout_ref.rollout.max_model_len=288"),
        (["actor_rollout_ref.actor.use_dynamic_bsz=true", "actor_rollout_ref.actor.ppo_max_token_len_per_gpu=100"],
         "more than actor_rollout_ref.actor.ppo_max_token_len_per_gpu (100)"),
    ],
)  # fmt: skip
def test_a_prompt_and_an_answer_fit_together(overrides, said, check, model):
    assert said in str(check(f"{PATH}={model}", *overrides).errors)


def test_the_context_is_as_long_as_rope_scaling_makes_it(model):
    config = {"max_position_embeddings": 1024, "rope_scaling": {"rope_type": "yarn", "factor": 4.0}}
    (model / "config.json").write_text(json.dumps(config))
    assert ModelFiles(model).context == 4096
    assert ModelFiles(model).parameters == 1_000_000


def test_long_prompts_are_counted_exactly_and_few_are_tokenized():
    tokenized = []

    def tokens(prompt):
        tokenized.append(prompt)
        return 3 + sum(len(message["content"].split()) for message in prompt)

    prompts = [[{"role": "user", "content": text}] for text in ["a b", "a " * 17, "word " * 17, "a" * 40]]
    # 20 tokens: 3 of the frame, and 17 words; the first prompt is short in bytes, the others must be looked at.
    assert count_long(iter(prompts), tokens, 19) == 2
    assert len(tokenized) == 4
    assert count_long(iter(prompts), tokens, 20) == 0
