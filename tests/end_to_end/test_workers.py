"""Two training workers and two rollout replicas on real verl: PPO with critic and KL reference, sharded and resumed."""

import json
import os
import subprocess
import sys

import pytest
import torch

from rm_train.launch.run_folder import RunFolder
from rm_train.models.tiny.warm_start import WarmStart, build_tiny_judge

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
SETTINGS = (
    *("method=ppo", "trainer.n_gpus_per_node=2", "actor_rollout_ref.actor.use_kl_loss=true"),
    *("max_train_rows=32", "max_val_rows=8", "val_rows=8", "data.train_batch_size=4"),
    *("actor_rollout_ref.rollout.n=2", "actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu=4"),
    *("actor_rollout_ref.rollout.log_prob_micro_batch_size_per_gpu=4", "trainer.save_freq=1"),
    *("actor_rollout_ref.ref.log_prob_micro_batch_size_per_gpu=4", "critic.ppo_micro_batch_size_per_gpu=4"),
    *("actor_rollout_ref.actor.optim.lr_warmup_steps=0", "actor_rollout_ref.actor.optim.lr=1e-3"),
    # The trainer computes the log-probabilities too, and verl logs how far apart they are.
    "algorithm.rollout_correction.bypass_mode=false",
    "actor_rollout_ref.rollout.calculate_log_probs=true",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """Return the folder of a run of one step that was then told to do two."""
    root = tmp_path_factory.mktemp("workers")
    torch.set_num_threads(1)
    build_tiny_judge(root / "cache" / "tiny-judge-v1-seed0", 0, WarmStart(prompts=200, steps=40))
    folder = RunFolder(root / "run")
    environment = {**os.environ, "RM_TRAIN_CACHE": str(root / "cache")}
    command = [sys.executable, "-m", "rm_train.cli", "train", f"run_dir={folder.path}", *SETTINGS]
    for steps in (1, 2):
        subprocess.run([*command, f"steps={steps}"], env=environment, check=True, timeout=400)
    return folder


def metrics(folder: RunFolder, attempt: int) -> dict[int, dict[str, float]]:
    lines = (folder.metrics / f"{attempt:04d}.jsonl").read_text().splitlines()
    steps: dict[int, dict[str, float]] = {}
    for record in map(json.loads, lines):
        steps.setdefault(record["step"], {}).update(record["data"])
    return steps


def test_every_worker_has_its_shards(folder: RunFolder) -> None:
    for role in ("actor", "critic"):
        names = {path.name for path in (folder.checkpoint(2) / role).iterdir()}
        for part in ("model", "optim", "extra_state"):
            assert {f"{part}_world_size_2_rank_{rank}.pt" for rank in (0, 1)} <= names


def test_the_rollout_and_the_trainer_agree_on_the_log_probabilities(folder: RunFolder) -> None:
    for attempt in (1, 2):
        trained = metrics(folder, attempt)[attempt]
        assert trained["training/rollout_probs_diff_max"] < 1e-4
        assert trained["rollout_corr/log_ppl_abs_diff"] < 1e-4


def test_the_critic_learns_and_the_reference_stays(folder: RunFolder) -> None:
    first, second = metrics(folder, 1)[1], metrics(folder, 2)[2]
    for trained in (first, second):
        assert trained["critic/vf_loss"] > 0 and trained["critic/grad_norm"] > 0
    assert first["actor/kl_loss"] == pytest.approx(0, abs=1e-6)
    assert second["actor/kl_loss"] > 1e-9


def test_the_second_run_went_on_from_the_first(folder: RunFolder) -> None:
    trained = [step for step, data in metrics(folder, 2).items() if "timing_s/step" in data]
    assert trained == [2]


def test_the_shards_become_one_model(folder: RunFolder) -> None:
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder.model)
    assert sum(parameter.numel() for parameter in model.parameters()) > 500_000
