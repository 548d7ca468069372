"""`rm-train plan`: the figures of a run with their arithmetic, refusals with exit status 1, and the page."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from presets_of_plans import compose, reckoned

from rm_train.cli import main
from rm_train.launch.checks.disk import checkpoint_bytes, most_checkpoints
from rm_train.launch.checks.fit import fit_problems
from rm_train.plan.disk import disk
from rm_train.plan.page import table

PAGE = (Path(__file__).parents[2] / "docs" / "sizing.md").read_text()


def plan(*words: str) -> Result:
    return CliRunner().invoke(main, ["plan", *words])


def test_the_issue_s_first_machine_has_every_figure_with_its_arithmetic() -> None:
    result = plan("hardware=gpu8", "base_model=qwen3_8b", "dataset=helpsteer2")
    assert result.exit_code == 0, result.output
    for line in (
        "training, a GPU: 51.7 GiB",
        "  states: Adam's two moments: 2 x b x A / S = 2 x 4 x 8,190,735,360 / 8 = 7.6 GiB",
        "rollout, a GPU: 61.8 GiB",
        "weight sync, a GPU: 34.0 GiB",
        "host, while it trains: 70.5 GiB",
        "  the trained judge, bfloat16: 2 x N = 2 x 8,190,735,360 = 15.3 GiB",
        "  updates: ceil(batch / mini) x epochs = ceil(96 / 24) x 1 = 4",
        "  N = 8,190,735,360: weights of the model",
        "- a step takes at least 54 s on 8 x H100 SXM, 80 GB; the bottleneck is the update (48%)",
    ):
        assert line in result.stdout.splitlines()
    # The page shows how it begins.
    assert result.stdout.partition("\nwhere")[0] in PAGE


def test_json_has_the_same_in_bytes() -> None:
    result = plan("hardware=nodes", "trainer.nnodes=4", "base_model=qwen3_32b", "dataset=helpsteer2", "--json")
    assert result.exit_code == 0, result.output
    made = json.loads(result.stdout)
    assert made["fits"] and not made["problems"]
    training = next(section for section in made["sections"] if section["title"] == "training, a GPU")
    assert training["figures"][0]["value"] == 4 * 32_762_123_264 / 32
    assert training["figures"][0]["unit"] == "bytes"


def test_what_cannot_run_is_refused_after_its_figures() -> None:
    result = plan("pairwise", "hardware=gpu8", "base_model=qwen3_32b", "dataset=helpsteer2_preference")
    assert result.exit_code == 1
    assert "training, a GPU: 111.1 GiB" in result.stdout
    assert "seconds of a step" not in result.stdout
    assert "or tuning=lora" in result.stderr


def test_checks_of_sizes_and_lengths_refuse_too() -> None:
    result = plan("hardware=gpu8", "base_model=qwen3_8b", "dataset=helpsteer2", "data.train_batch_size=20",
                  "actor_rollout_ref.actor.ppo_max_token_len_per_gpu=4096")  # fmt: skip
    assert result.exit_code == 1
    assert "actor_rollout_ref.actor.ppo_mini_batch_size: is 24" in result.stderr
    assert "make 6144 tokens, more than actor_rollout_ref.actor.ppo_max_token_len_per_gpu (4096)" in result.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["base_model=qwen3_8b"], "hardware: not named; write hardware=gpu1, gpu8, nodes, cpu, or auto"),
        (["hardware=gpu8", "base_model=hf", "base_model_path=someone/unknown"], "someone/unknown is neither a folder"),
        (["hardware=gpu8", "steps=none"], "steps: is 'none'; write a whole number, 1 or more"),
    ],
)
def test_what_cannot_be_reckoned_is_told(words: list[str], said: str) -> None:
    result = plan(*words)
    assert result.exit_code == 1
    assert said in result.stderr


def test_on_cpu_it_says_what_it_can() -> None:
    result = plan("hardware=cpu", "base_model=smollm2", "tuning=lora")
    assert result.exit_code == 0, result.output
    assert "GPU memory and seconds are reckoned for hardware=gpu1, gpu8 and nodes only" in result.stdout
    assert "trainer: weights, gradients, Adam's moments: 4 x (N + A) + 12 x A" in result.stdout
    assert "tokens of a step" in result.stdout


def test_a_checkpoint_takes_what_the_check_of_the_disk_reckons() -> None:
    config = compose("qwen3_8b", "gpu8")
    job, _ = reckoned(config)
    _, checkpoints, judge = disk(config, job)
    assert checkpoints.value + judge.value == checkpoint_bytes(config, job.shape.parameters)


def test_checkpoints_of_adapters_hold_nothing_else() -> None:
    config = compose("qwen3_8b", "gpu8", "tuning=lora")
    each, checkpoints, _ = disk(config, reckoned(config)[0])
    assert each.value == 12 * 87_293_952
    assert checkpoints.value == most_checkpoints(config) * each.value


def test_a_training_warns_of_what_does_not_fit() -> None:
    found = fit_problems(compose("qwen3_32b", "gpu8"))
    assert [problem.severity.value for problem in found] == ["warning", "warning"]
    assert "training takes 111.1 GiB of a GPU" in str(found[0])
    assert "by the arithmetic of rm-train plan" in str(found[0])
    assert not fit_problems(compose("qwen3_8b", "gpu8"))
    assert not fit_problems(compose("qwen3_32b", "cpu"))
    assert not fit_problems(compose("hf", "gpu8", "base_model_path=someone/unknown"))


def test_the_page_shows_the_table_of_the_calculation() -> None:
    assert table() in PAGE, "run: python -m rm_train.plan.page, and put the table into docs/sizing.md"
