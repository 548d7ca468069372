"""LoRA on real verl: adapters alone learn, the rollout has them, a resumed run goes on, and the judge is one model."""

import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file
from stock_run import logged, trained_twice

from rm_train.launch.run_folder import RunFolder

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
ACTOR, ROLLOUT = "actor_rollout_ref.actor", "actor_rollout_ref.rollout"
SETTINGS = (
    *("tuning=lora", "hardware=cpu", f"{ACTOR}.use_kl_loss=true", "trainer.save_freq=1"),
    *("max_train_rows=32", "max_val_rows=8", "val_rows=8", "data.train_batch_size=4", f"{ROLLOUT}.n=2"),
    *(f"{ACTOR}.ppo_micro_batch_size_per_gpu=4", f"{ROLLOUT}.log_prob_micro_batch_size_per_gpu=4"),
    *("actor_rollout_ref.ref.log_prob_micro_batch_size_per_gpu=4", f"{ACTOR}.optim.lr_warmup_steps=0"),
    f"{ACTOR}.optim.lr=1e-3",
    # The trainer computes the log-probabilities too, and verl logs how far apart they are.
    *("algorithm.rollout_correction.bypass_mode=false", f"{ROLLOUT}.calculate_log_probs=true"),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """Return the folder of a run of one step that was then told to do two; the base model lies beside it."""
    return trained_twice(tmp_path_factory.mktemp("lora"), SETTINGS)


def base(folder: RunFolder) -> dict[str, torch.Tensor]:
    return load_file(folder.path.parent / "cache" / "tiny-judge-v1-seed0" / "model.safetensors")


def saved(folder: RunFolder, step: int, part: str) -> dict:
    return torch.load(folder.actor(step) / f"{part}_world_size_1_rank_0.pt", weights_only=False)


def metrics(folder: RunFolder, attempt: int) -> dict[int, dict[str, float]]:
    return logged(folder.metrics / f"{attempt:04d}.jsonl")


def test_a_checkpoint_holds_adapters_and_their_moments_alone(folder: RunFolder) -> None:
    weights, moments = saved(folder, 2, "model"), saved(folder, 2, "optim")["state"]
    assert weights and all("lora_" in name for name in weights)
    assert len(moments) == len(weights) == 2 * 4 * 7


def test_the_adapters_learn_in_each_step(folder: RunFolder) -> None:
    first, second = saved(folder, 1, "model"), saved(folder, 2, "model")
    outputs = [name for name in first if "lora_B" in name]
    assert any(first[name].full_tensor().abs().max() > 0 for name in outputs)  # they begin at 0
    assert any(not torch.equal(first[name].full_tensor(), second[name].full_tensor()) for name in outputs)


def test_the_rollout_and_the_trainer_agree_on_the_log_probabilities(folder: RunFolder) -> None:
    # In the second attempt the adapters are those of the first one's checkpoint.
    for attempt in (1, 2):
        trained = metrics(folder, attempt)[attempt]
        assert trained["training/rollout_probs_diff_max"] < 1e-4
        assert trained["rollout_corr/log_ppl_abs_diff"] < 1e-4


def test_the_second_run_went_on_from_the_first(folder: RunFolder) -> None:
    trained = [step for step, data in metrics(folder, 2).items() if "timing_s/step" in data]
    assert trained == [2]
    steps = {float(state["step"]) for state in saved(folder, 2, "optim")["state"].values()}
    assert steps == {2.0}


def test_the_reference_is_the_model_without_adapters(folder: RunFolder) -> None:
    assert metrics(folder, 1)[1]["actor/kl_loss"] == pytest.approx(0, abs=1e-6)
    assert metrics(folder, 2)[2]["actor/kl_loss"] > 1e-9


def test_the_judge_is_base_model_and_adapters_in_one(folder: RunFolder) -> None:
    judge, model = load_file(folder.model / "model.safetensors"), base(folder)
    adapters = load_file(folder.model / "lora_adapter" / "adapter_model.safetensors")
    assert judge.keys() == model.keys()
    for name, weight in model.items():
        key = f"base_model.model.{name.removesuffix('.weight')}"
        added = torch.zeros(())
        if f"{key}.lora_A.weight" in adapters:
            # alpha and rank are both 32, so the scale is 1.
            added = adapters[f"{key}.lora_B.weight"].float() @ adapters[f"{key}.lora_A.weight"].float()
        assert torch.equal(judge[name], (weight + added).bfloat16()) or torch.allclose(
            judge[name].float(), weight + added, rtol=2**-7, atol=1e-6
        )
    assert any(not torch.equal(judge[name], weight.bfloat16()) for name, weight in model.items())


def test_the_judge_is_evaluated_as_any_other(folder: RunFolder) -> None:
    command = [sys.executable, "-m", "rm_train.cli", "evaluate", "--model", str(folder.model)]
    data = folder.data / "validation.parquet"
    subprocess.run([*command, "--data", str(data), "--limit", "4", "--max-new-tokens", "32"], check=True, timeout=300)
    assert (folder.evaluation("after") / "metrics.json").is_file()
