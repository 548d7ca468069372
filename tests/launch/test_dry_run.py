"""The dry run: everything that would happen, nothing that does."""

import shlex
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner
from omegaconf import OmegaConf

from rm_train.cli import main
from rm_train.launch.config import compose_config
from rm_train.launch.verl_run import pasteable_command, training_command

ODD = ["with space", "a=b", "a,b", "it's", 'say "x"', "[1]", "${x}".replace("$", "S"), "back\\slash", "é", "\\'", "#1"]


def dry_run(*overrides: str):
    return CliRunner().invoke(main, ["train", "--dry-run", *overrides])


def test_the_config_and_then_the_command_are_printed_and_nothing_is_created(tmp_path: Path):
    result = dry_run(f"runs_dir={tmp_path / 'runs'}", f"cache_dir={tmp_path / 'cache'}", "recipe=linear")
    assert result.exit_code == 0, result.output
    text, preparation, command = result.stdout.rstrip("\n").rsplit("\n", 2)
    config = OmegaConf.create(text)
    assert config.reward.custom_reward_function.reward_kwargs.recipe == "linear"
    assert config.trainer.default_local_dir == f"{config.run_dir}/checkpoints"
    assert preparation.endswith("--prepare-only &&")
    words = shlex.split(command)
    assert words[0] == "env" and "VERL_PLATFORM=cpu" in words
    assert words[words.index("-m") + 1] == "verl.trainer.main_ppo"
    assert words[-1] == f"run_dir={config.run_dir}"
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_not_prepared_again(tmp_path: Path):
    (tmp_path / "run" / "data").mkdir(parents=True)
    (tmp_path / "cache" / "tiny-judge-v1-seed0").mkdir(parents=True)
    overrides = [f"run_dir={tmp_path / 'run'}", f"cache_dir={tmp_path / 'cache'}"]
    config = compose_config("pointwise", overrides)
    from rm_train.launch.dry_run import paste

    assert paste("pointwise", overrides, config) == pasteable_command("pointwise", overrides, config)


@pytest.mark.parametrize("name", ODD)
def test_odd_folders_reach_verl_as_they_are(tmp_path: Path, name: str):
    config = compose_config("pointwise", [])
    config.run_dir = str(tmp_path / name)
    override = training_command("pointwise", [], config)[-1]
    assert compose_config("pointwise", [override]).run_dir == config.run_dir


@pytest.mark.parametrize("name", ODD)
def test_a_shell_reads_the_line_as_it_was_meant(tmp_path: Path, name: str):
    config = compose_config("pointwise", [])
    config.run_dir = str(tmp_path / name)
    line = pasteable_command("pointwise", [], config)
    shown = subprocess.run(["bash", "-c", f"printf '%s\\0' {line}"], capture_output=True, text=True, check=True)
    assert shown.stdout.split("\0")[-2] == training_command("pointwise", [], config)[-1]


def test_a_wrong_setting_is_an_error_in_a_dry_run_too():
    result = dry_run("steps=none")
    assert result.exit_code == 1
    assert "steps: is 'none'" in result.output
