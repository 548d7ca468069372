"""A judge of two answers trains by every method, which are verl's own options."""

import pytest
from stock_run import STEPS, train_stock

from rm_train.data import PrepareSettings, prepare
from rm_train.models.tiny.pair_warm_start import build_tiny_pair_judge

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rows")
    settings = PrepareSettings(dataset="synthetic_pairwise", out_dir=folder, train_prompts=40, val_prompts=4)
    return prepare(settings).train


@pytest.fixture(scope="module")
def judge(tmp_path_factory):
    """The judge that a run starts from: DAPO needs one whose samples are not all paid the same."""
    folder = tmp_path_factory.mktemp("model") / "tiny"
    build_tiny_pair_judge(folder, 0)
    return folder


@pytest.mark.parametrize("method", ["grpo", "dr_grpo", "dapo", "ppo"])
def test_a_method_trains(method, rows, judge, tmp_path):
    steps = train_stock("pairwise", judge, rows, tmp_path, f"method={method}")
    trained = [step for step in steps if "reward/score/mean" in step]
    assert len(trained) == STEPS
    assert all(step["reward/failed/mean"] == 0 for step in trained)
    assert ("critic/vf_loss" in trained[0]) == (method == "ppo")
    # Dr. GRPO leaves the deviation out, so its advantages are as small as the rewards are.
    spread = max(step["critic/advantages/max"] for step in trained)
    if method == "dr_grpo":
        assert 0 <= spread < 1
    if (
        method == "dapo"
    ):  # a group whose samples are all paid the same is replaced, so every step has something to learn
        assert all(step["critic/advantages/max"] > 0 for step in trained)
