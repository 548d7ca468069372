"""What looks like a secret is hidden, and what does not is left alone."""

import pytest
from omegaconf import OmegaConf

from rm_train.launch.config import compose_config
from rm_train.launch.secrets import HIDDEN, hidden, hidden_text, is_secret, secret_problems

SECRETS = [
    ("judge.api_key", "anything"),
    ("env_vars.WANDB_API_KEY", "0123456789abcdef0123456789abcdef01234567"),
    ("x.password", "hunter2"),
    ("hub.token", "t"),
    ("x.note", "sk-proj-0123456789abcdef"),
    ("x.note", "hf_0123456789abcdefghij"),
    ("x.note", "AKIA0123456789ABCDEF"),
    ("x.base_url", "https://me:hunter2@host/v1"),
]
PLAIN = [
    ("judge.api_key_env", "JUDGE_KEY"),
    ("judge.api_key", None),
    ("data.prompt_key", "prompt"),
    ("rollout.max_tokens", "512"),
    ("actor.loss_agg_mode", "token-mean"),
    ("base_model_path", "/models/sk-learn"),
    ("base_url", "https://host:8000/v1"),
]


@pytest.mark.parametrize(("key", "value"), SECRETS)
def test_secrets_are_known(key: str, value: str) -> None:
    assert is_secret(key, value)


@pytest.mark.parametrize(("key", "value"), PLAIN)
def test_other_settings_are_left_alone(key: str, value: str | None) -> None:
    assert not is_secret(key, value)


@pytest.mark.parametrize("task", ["pointwise", "pairwise"])
def test_nothing_of_our_configs_looks_like_one(task: str) -> None:
    whole = OmegaConf.to_container(compose_config(task, []))
    assert hidden(whole) == whole


def test_they_are_hidden_at_any_depth() -> None:
    config = {"a": [{"api_key": "x", "model": "m"}], "b": {"note": "hf_0123456789abcdefghij"}}
    assert hidden(config) == {"a": [{"api_key": HIDDEN, "model": "m"}], "b": {"note": HIDDEN}}


def test_they_are_hidden_in_commands_and_errors() -> None:
    line = "train ++judge.api_key=hunter2 '++j={token: hunter2, n: 3}' x=sk-0123456789abcdef max_tokens=5"
    assert hidden_text(line) == (
        f"train ++judge.api_key={HIDDEN} '++j={{token: {HIDDEN}, n: 3}}' x={HIDDEN} max_tokens=5"
    )


def test_a_node_without_a_promised_secret_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RM_TRAIN_SECRETS", "THERE_KEY,ABSENT_KEY")
    monkeypatch.setenv("THERE_KEY", "x")
    monkeypatch.delenv("ABSENT_KEY", raising=False)
    [problem] = secret_problems()
    assert problem.key == "ABSENT_KEY" and "before `ray start`" in problem.fix
