"""A run starts its own Ray or joins one that runs; an existing one is given no counts, and our variables."""

import json

import pytest
from omegaconf import OmegaConf

from rm_train.launch.config import compose_config
from rm_train.launch.verl_run import training_environment

REFUSED = ("num_cpus", "num_gpus", "object_store_memory", "resources", "labels")
"""What ray.init refuses when it joins a cluster."""


def joined(*overrides: str) -> dict:
    config = compose_config("pointwise", ["ray=existing", *overrides])
    return OmegaConf.to_container(config.ray_kwargs.ray_init)


def test_a_local_ray_is_started_even_where_another_runs() -> None:
    ray_init = compose_config("pointwise", []).ray_kwargs.ray_init
    assert (ray_init.address, ray_init.num_cpus, ray_init.num_gpus) == ("local", 16, 1)


@pytest.mark.parametrize("hardware", ["cpu", "gpu1", "gpu8", "nodes"])
def test_an_existing_cluster_is_given_an_address_and_no_counts(hardware: str) -> None:
    ray_init = joined(f"hardware={hardware}", "ray_address=10.0.0.1:6379")
    assert ray_init["address"] == "10.0.0.1:6379"
    assert [name for name in REFUSED if ray_init.get(name) is not None] == []
    assert joined(f"hardware={hardware}")["address"] == "auto"


def test_workers_on_other_nodes_are_told_the_cpu_platform_by_the_config() -> None:
    assert joined("hardware=cpu")["runtime_env"]["env_vars"] == {"VERL_PLATFORM": "cpu"}
    assert "env_vars" not in joined("hardware=nodes")["runtime_env"]


def test_where_ray_runs_does_not_change_the_run_folder() -> None:
    local, other = (compose_config("pointwise", given).run_dir for given in ([], ["ray=existing", "ray_address=h:1"]))
    assert local == other


def test_a_local_run_hands_its_environment_down_by_itself(tmp_path) -> None:
    assert "RAY_JOB_CONFIG_JSON_ENV_VAR" not in training_environment(compose_config("pointwise", []), tmp_path / "m")


def test_the_token_of_a_cluster_is_shown_and_its_value_stays_out_of_the_config(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "RAY_AUTH_MODE"):
        monkeypatch.delenv(name, raising=False)
    config = compose_config("pointwise", ["ray=existing"])
    assert "RAY_AUTH_MODE" not in training_environment(config, tmp_path / "m")
    monkeypatch.setenv("RAY_AUTH_TOKEN", "canary")
    environment = training_environment(config, tmp_path / "m")
    assert environment["RAY_AUTH_MODE"] == "token"
    assert "canary" not in str(environment)
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    assert training_environment(config, tmp_path / "m")["RAY_AUTH_MODE"] == "disabled"


def test_the_variables_of_a_run_reach_the_workers_of_an_existing_cluster(tmp_path, monkeypatch) -> None:
    before = {"metadata": {"name": "judge"}, "runtime_env": {"env_vars": {"A": "1"}, "working_dir": "gcs://x.zip"}}
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", json.dumps(before))
    config = compose_config("pointwise", ["ray=existing"])
    environment = training_environment(config, tmp_path / "metrics.jsonl")
    job = json.loads(environment["RAY_JOB_CONFIG_JSON_ENV_VAR"])
    assert job["metadata"] == {"name": "judge"}
    assert job["runtime_env"]["working_dir"] == "gcs://x.zip"
    variables = job["runtime_env"]["env_vars"]
    assert variables["A"] == "1"
    assert variables["VERL_FILE_LOGGER_PATH"] == str(tmp_path / "metrics.jsonl")
    # Ray refuses a variable that both its job and the config set.
    assert not variables.keys() & config.ray_kwargs.ray_init.runtime_env.env_vars.keys()
    assert "VERL_PLATFORM" in environment
