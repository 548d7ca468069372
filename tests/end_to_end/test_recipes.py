"""Every recipe trains some steps on stock verl, with the prompts, the parser and the reward that it says."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from stock_run import STEPS, train_stock

from reward_fn.judges.forms import FORMS
from reward_fn.judges.pointwise import ATTRIBUTES
from rm_train.data import PrepareSettings, prepare
from rm_train.launch.config import compose_config
from rm_train.launch.pipeline import prepare_settings

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
ROOT = Path(__file__).parents[2]
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
def test_a_recipe_trains(recipe, barely_taught, tmp_path):
    rated = {"exact", "linear", "exp_decay", "rm_gallery_pointwise", "multi_attribute", "fapo_genrm"}
    task = "pointwise" if recipe in rated else "pairwise"
    file = rows_of(recipe, task, tmp_path)
    steps = train_stock(task, barely_taught, file, tmp_path, f"recipe={recipe}")
    trained = [step for step in steps if "reward/score/mean" in step]
    assert len(trained) == STEPS
    assert all(step["reward/failed/mean"] == 0 for step in trained)
    assert all("reward/format_ok/mean" in step and "reward/acc/mean" in step for step in trained)
