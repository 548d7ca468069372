"""Every recipe trains some steps on stock verl, with the prompts, the parser and the reward that it says."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from reward_fn.judges.forms import FORMS
from reward_fn.judges.pointwise import ATTRIBUTES
from rm_train.data import PrepareSettings, prepare
from rm_train.launch.config import compose_config
from rm_train.launch.pipeline import prepare_settings
from rm_train.models.tiny.pair_warm_start import PairWarmStart, build_tiny_pair_judge

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
ROOT = Path(__file__).parents[2]
STEPS = 3
RECIPES = sorted(path.stem for path in (ROOT / "configs" / "recipe").glob("*.yaml"))
CONVERSATION = [{"role": "user", "content": "How many legs has a spider?"}]
OWN_ROWS = {
    "fapo_genrm": ("first_error", ["It has eight.", "Eight is odd."], 1, {"total_steps": 2}),
    "multi_attribute": ("attributes", ["It has eight."], dict.fromkeys(ATTRIBUTES, 3), {}),
    "rationale": (
        "checklist",
        ["It has eight.", "It has six."],
        "A",
        {"checklist": ["A has the right number"], "length_a": 13, "length_b": 11},
    ),
}
"""Recipe -> form, texts, ground truth and `extra_info` of a row, for those that need rows of one's own."""


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model") / "tiny"
    build_tiny_pair_judge(folder, 0, PairWarmStart(steps=30, prompts=60))
    return folder


def rows_of(recipe, task, folder):
    """Write the rows that a recipe trains on, and return their file."""
    if recipe not in OWN_ROWS:
        config = compose_config(task, [f"recipe={recipe}", f"run_dir={folder / 'run'}"])
        fields = {name: getattr(prepare_settings(config), name) for name in PrepareSettings.__slots__}
        small = {**fields, "out_dir": folder / "data", "train_prompts": 20, "val_prompts": 4}
        return prepare(PrepareSettings(**small)).train
    form, texts, truth, extra = OWN_ROWS[recipe]
    row = {
        "data_source": recipe,
        "prompt": FORMS[form].messages(CONVERSATION, texts),
        "reward_model": {"style": "rule", "ground_truth": truth},
        "extra_info": {"split": "train", **extra},
    }
    rows = [{**row, "extra_info": {**row["extra_info"], "index": index}} for index in range(16)]
    pq.write_table(pa.Table.from_pylist(rows), folder / "rows.parquet")
    return folder / "rows.parquet"


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_trains(recipe, model, tmp_path):
    form = compose_config("pairwise", [f"recipe={recipe}"]).form
    rated = {"exact", "linear", "exp_decay", "rm_gallery_pointwise", "multi_attribute", "fapo_genrm"}
    task = "pointwise" if recipe in rated else "pairwise"
    file = rows_of(recipe, task, tmp_path)
    overrides = [
        *(f"recipe={recipe}", f"steps={STEPS}", f"run_dir={tmp_path / 'run'}", "base_model=hf"),
        *(f"base_model_path={model}", f"data.train_files={file}", f"data.val_files={file}"),
        *("cpu_sizes={batch: 4, micro_batch: 8}", "actor_rollout_ref.rollout.n=4", "data.max_response_length=32"),
        *("trainer.save_freq=-1", "trainer.test_freq=-1", "trainer.val_before_train=false"),
        "trainer.checkpoint_callback_class=null",
    ]
    metrics = tmp_path / "metrics.jsonl"
    environment = {
        **os.environ,
        **{"VERL_PLATFORM": "cpu", "OMP_NUM_THREADS": "1", "RAY_enable_worker_prestart": "0"},
        **{"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "RAY_USAGE_STATS_ENABLED": "0"},
        **{"VERL_FILE_LOGGER_PATH": str(metrics), "TENSORBOARD_DIR": str(tmp_path / "tensorboard")},
    }
    command = [sys.executable, "-m", "verl.trainer.main_ppo", "--config-dir", "configs", "--config-name", task]
    done = subprocess.run([*command, *overrides], cwd=ROOT, env=environment, text=True, capture_output=True)
    assert done.returncode == 0, (form, done.stdout[-3000:], done.stderr[-3000:])
    steps = {}
    for record in map(json.loads, metrics.read_text().splitlines()):
        steps.setdefault(record["step"], {}).update(record["data"])
    trained = [step for step in steps.values() if "reward/score/mean" in step]
    assert len(trained) == STEPS
    assert all(step["reward/failed/mean"] == 0 for step in trained)
    assert all("reward/format_ok/mean" in step and "reward/acc/mean" in step for step in trained)
