"""Data that is not there, not in verl's shape or too little is named; so are prompts that are too long."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rm_train.launch.checks import check_data
from rm_train.launch.config import compose_config


def write(path, rows=40, words=5, **columns):
    """Write rows in verl's shape; a column that is None is left out."""
    table = {
        "data_source": ["mine"] * rows,
        "prompt": [[{"role": "user", "content": "word " * words}]] * rows,
        "reward_model": [{"style": "rule", "ground_truth": 3}] * rows,
        "extra_info": [{"index": 0}] * rows,
        **columns,
    }
    pq.write_table(pa.table({name: column for name, column in table.items() if column is not None}), path)
    return path


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["dataset=helpsteer2", "dataset_path=/no/such.jsonl"],
         "dataset_path: there is no file or folder /no/such.jsonl; correct the path"),
        (["dataset=helpsteer2", "dataset_path=data/ratings.jsonl"], "there is no file or folder"),
        (["dataset=helpsteer2", "dataset_path=null"],
         "dataset_path: dataset=helpsteer2 needs one; write a file, a folder or a name on the hub"),
        (["dataset_path=ratings.jsonl"], "dataset_path: dataset=synthetic is generated and reads no 'ratings.jsonl'; "
                                         "leave it out, or write dataset=helpsteer2"),
        (["max_train_rows=16"], "max_train_rows: 16 training rows do not fill one batch of 32, so nothing would be "
                                "trained; give more rows, or write data.train_batch_size=16 or less"),
        (["data.train_files=/no/such.parquet"], "data.train_files: there is no file /no/such.parquet"),
        (["data.val_files=[/no/such.parquet]"], "data.val_files: there is no file /no/such.parquet"),
    ],
)  # fmt: skip
def test_data_that_cannot_be_used_is_named(overrides, said, check):
    assert said in str(check(*overrides).errors)


@pytest.mark.parametrize("path", ["nvidia/HelpSteer2", "nvidia/HelpSteer2@main", "__file__"])
def test_a_file_and_a_name_on_the_hub_are_free_of_problems(path, check):
    path = __file__ if path == "__file__" else path
    assert str(check("dataset=helpsteer2", f"dataset_path={path}")) == ""


def test_parquet_in_verls_shape_is_free_of_problems(check, tmp_path):
    path = write(tmp_path / "rows.parquet")
    assert str(check(f"data.train_files={path}", f"data.val_files=[{path}]")) == ""


@pytest.mark.parametrize(
    ("columns", "missing"),
    [
        ({"data_source": None}, "data_source"),
        ({"prompt": None}, "prompt"),
        ({"reward_model": None}, "reward_model.ground_truth"),
        ({"reward_model": [{"style": "rule"}] * 40}, "reward_model.ground_truth"),
        ({"reward_model": ["3"] * 40}, "reward_model.ground_truth"),
        ({"extra_info": None, "prompt": None}, "prompt, extra_info"),
    ],
)
def test_columns_that_parquet_lacks_are_named(columns, missing, check, tmp_path):
    path = write(tmp_path / "rows.parquet", **columns)
    assert f"data.val_files: {path} lacks verl's {missing}; it has " in str(check(f"data.val_files={path}").errors)


def test_a_data_set_class_of_the_users_reads_its_own_columns(check, tmp_path):
    path = write(tmp_path / "rows.parquet", data_source=None)
    assert not check(f"data.val_files={path}", "data.custom_cls.path=mine.py").errors


def test_a_file_that_is_no_parquet_is_named(check, tmp_path):
    path = tmp_path / "rows.parquet"
    path.write_text("rows")
    assert "rows.parquet cannot be read as parquet" in str(check(f"data.train_files={path}").errors)


def found(path, model, *overrides):
    config = compose_config(
        "pointwise", [f"data.train_files={path}", f"base_model_path={model}", "data.max_prompt_length=20", *overrides]
    )
    return "\n".join(f"{problem.severity.value}: {problem}" for problem in check_data(config))


def mixed(path):
    """Write 40 rows, a tenth of them with a prompt of 21 tokens: 19 words and the template's two."""
    prompts = [[{"role": "user", "content": "word " * (19 if row % 10 == 0 else 18)}] for row in range(40)]
    return write(path, prompt=prompts)


def test_prompts_that_fit_are_free_of_problems(tmp_path, model):
    assert found(write(tmp_path / "rows.parquet", words=18), model) == ""


def test_long_prompts_that_verl_leaves_out_are_a_warning(tmp_path, model):
    said = found(mixed(tmp_path / "rows.parquet"), model, "data.filter_overlong_prompts=true")
    assert said == (
        "warning: data.max_prompt_length: 4 of 40 training rows (10.0%) have a longer prompt than 20 tokens and are "
        "left out; to train on them, write data.max_prompt_length=… with a larger number"
    )


def test_long_prompts_that_verl_would_cut_are_an_error(tmp_path, model):
    path = mixed(tmp_path / "rows.parquet")
    said = found(path, model)
    assert said.startswith("error: data.max_prompt_length: 4 of 40 training rows (10.0%) have a longer prompt")
    assert "verl would cut off where they begin, and the judge's instructions with it; leave them out with" in said
    assert found(path, model, "data.truncation=left").startswith("warning: ")


def test_too_few_rows_for_a_batch_are_an_error(tmp_path, model):
    path = mixed(tmp_path / "rows.parquet")
    said = found(path, model, "data.filter_overlong_prompts=true", "data.train_batch_size=40")
    assert said.startswith("error: data.train_files: 36 training rows do not fill one batch of 40")


def test_a_context_that_is_known_only_now_is_checked(tmp_path, model):
    said = found(write(tmp_path / "rows.parquet"), model, "data.max_response_length=1010")
    assert "1030 tokens, more than the model's context (1024)" in said


def test_a_tokenizer_that_cannot_be_loaded_is_named(tmp_path, model):
    (model / "tokenizer.json").unlink()
    (model / "tokenizer_config.json").unlink()
    (model / "config.json").unlink()
    assert "base_model_path: its tokenizer cannot be loaded" in found(write(tmp_path / "rows.parquet"), model)
