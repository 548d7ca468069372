"""Two training workers and two rollout replicas on real verl: PPO with critic and KL reference, sharded and resumed."""

import pytest
from stock_run import logged, trained_twice

from rm_train.launch.run_folder import RunFolder

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
    return trained_twice(tmp_path_factory.mktemp("workers"), SETTINGS)


def metrics(folder: RunFolder, attempt: int) -> dict[int, dict[str, float]]:
    return logged(folder.metrics / f"{attempt:04d}.jsonl")


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
