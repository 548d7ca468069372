"""A reward is tried on real rows with known answers; one that does not put them in order stops the run."""

import json
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from reward_fn.adapters.verl.preflight import preflight
from reward_fn.adapters.verl.scorer import scorer_of
from reward_fn.loading import RewardConfigError

KWARGS = "reward.custom_reward_function.reward_kwargs"
MANAGER = (
    "reward.reward_manager={source: importlib, name: GalleryRewardManager, "
    "module: {path: 'pkg://reward_fn.adapters.verl'}}"
)


def gsm8k(number, result=None, source="openai/gsm8k", **extra):
    """A row as verl's examples/data_preprocess/gsm8k.py writes it."""
    result = 2 * number if result is None else result
    question = f"Ann has {number} apples and buys as many. How many has she?"
    asked = f'{question} Let\'s think step by step and output the final answer after "####".'
    worked = f"Ann has {number}+{number} = <<{number}+{number}={result}>>{result} apples.\n#### {result}"
    return {
        "data_source": source,
        "prompt": [{"role": "user", "content": asked}],
        "ability": "math",
        "reward_model": {"style": "rule", "ground_truth": str(result)},
        "extra_info": {"split": "train", "index": number, "answer": worked, "question": question, **extra},
    }


def without_answer(row):
    return {**row, "extra_info": {key: value for key, value in row["extra_info"].items() if key != "answer"}}


GSM8K = [gsm8k(number) for number in range(1, 41)]


@pytest.fixture
def run(tmp_path, verl_config):
    """Write rows, run the preflight on them, and return what it prints."""

    def run(kwargs, rows=GSM8K, *overrides, file="train.parquet"):
        path = tmp_path / file
        if file.endswith(".parquet"):
            pq.write_table(pa.Table.from_pylist(rows), path)
        else:
            lines = map(json.dumps, rows)
            path.write_text("\n".join(lines) if file.endswith("l") else f"[{', '.join(lines)}]")
        config = verl_config(kwargs, f"data.train_files={path}", *overrides)
        console = Console(record=True, width=200)
        preflight(config, scorer_of(kwargs), console)
        return console.export_text()

    return run


def paid(printed):
    """Read the tables: kind -> mean, lowest, highest, failed."""
    cells = ([cell.strip() for cell in line.strip("│ ").split("│")] for line in printed.splitlines() if "│" in line)
    return {kind: tuple(float(figure) for figure in figures if figure != "-") for kind, *figures in cells}


def problems(error):
    return dict(error.value.problems)


@pytest.mark.parametrize("file", ["train.parquet", "train.json", "train.jsonl"])
def test_gsm8k_with_the_answer_that_verl_writes_beside_it(run, file):
    printed = run({"reward": "math_verify_reward"}, file=file)
    assert "what the reward pays, on 4 training rows" in printed
    assert paid(printed) == {"gold": (1, 1, 1, 0), "empty": (0, 0, 0, 0), "another row's gold": (0, 0, 0, 0)}


@pytest.mark.parametrize(("rows", "tried"), [(1, "1 training row"), (7, "7 training rows"), (99, "40 training rows")])
def test_as_many_rows_are_tried_as_are_asked_for_and_there(run, rows, tried):
    assert f"on {tried} " in run({"reward": "math_verify_reward", "preflight": {"rows": rows}}) + " "


def test_the_gold_answer_stands_where_it_is_said_to(run):
    rows = [gsm8k(number, short=f"{2 * number}") for number in range(5)]
    with pytest.raises(
        RewardConfigError, match="an empty answer is paid 0 on average, and the row's own right answer 0"
    ):
        run({"reward": "string_match"}, rows)  # the worked answer is not the number
    for place in ("ground_truth", "extra_info.short"):
        assert paid(run({"reward": "string_match", "preflight": {"gold": place}}, rows))["gold"] == (1, 1, 1, 0)


def test_a_number_in_the_ground_truth_is_gold_where_no_answer_is_told(run):
    rows = [without_answer(gsm8k(number)) for number in range(5)]
    for row in rows:
        row["reward_model"]["ground_truth"] = int(row["reward_model"]["ground_truth"])
    assert paid(run({"reward": "string_match"}, rows))["gold"] == (1, 1, 1, 0)


def test_a_template_gives_the_gold_answer_its_form(run):
    form = {"reward": "regex_match", "pattern": "(?s)<think>.*</think>.*", "mode": "fullmatch"}
    gated = {"reward": "gate", "condition": form, "then": "math_verify_reward"}
    with pytest.raises(RewardConfigError, match=r"what a right answer looks like \(gold, template\)"):
        run({"reward": gated})
    template = "<think>I add.</think>{gold}"
    assert paid(run({"reward": gated, "preflight": {"template": template}}))["gold"] == (1, 1, 1, 0)


def test_a_reward_in_the_wrong_order_is_refused(run):
    with pytest.raises(RewardConfigError) as error:
        run({"reward": "rewards_to_try:BackwardsReward"})
    assert list(problems(error)) == [KWARGS]
    said = problems(error)[KWARGS]
    assert said.startswith("an empty answer is paid 1 on average, and the row's own right answer 0; the right answer")
    assert f"correct the reward, or say in {KWARGS}.preflight what a right answer looks like" in said
    assert "preflight=false tries none" in said


def test_a_reward_that_pays_all_alike_is_refused(run):
    kwargs = {"reward": "regex_match", "pattern": "x*", "mode": "search"}
    with pytest.raises(
        RewardConfigError, match="an empty answer is paid 1 on average, and the row's own right answer 1"
    ):
        run(kwargs)


def test_one_row_in_disorder_is_outweighed_by_the_others(run):
    rows = [gsm8k(1), gsm8k(2), gsm8k(3), gsm8k(4)]
    rows[2]["reward_model"]["ground_truth"] = "77"  # a wrong label, as real data has
    assert paid(run({"reward": "math_verify_reward"}, rows))["gold"] == (0.75, 0, 1, 0)


def test_a_right_answer_without_a_reward_is_named(run):
    rows = [gsm8k(number) for number in range(3)]
    rows[1]["reward_model"]["ground_truth"] = None
    with pytest.raises(RewardConfigError) as error:
        run({"reward": "string_match", "preflight": {"gold": "extra_info.answer"}}, rows)
    said = problems(error)[KWARGS]
    assert said.startswith(
        "row 1: the right answer has no reward: bad_input: row 1 of openai/gsm8k: the label's reference"
    )


def test_a_missing_field_of_the_mapping_is_found(run):
    kwargs = {"reward": "math_verify_reward", "fields": {"reference": "extra_info.target"}}
    with pytest.raises(RewardConfigError, match=r"row of openai/gsm8k has no extra_info\.target; .* \(and 3 more\)"):
        run(kwargs)


def test_failures_that_a_policy_may_meet_are_told(run):
    printed = run({"reward": "rewards_to_try:NeedsWordsReward"})
    assert paid(printed)["empty"] == (4,)
    assert "warning: row 0: an empty answer has no reward (bad_input: the answer is empty)" in printed
    assert "in the run on_failure=raise decides" in printed


def test_a_constant_for_failures_that_is_more_than_a_right_answer_gets_is_refused(run):
    kwargs = {"reward": "rewards_to_try:NeedsWordsReward", "on_failure": {"constant": 0}}
    with pytest.raises(
        RewardConfigError, match="an empty answer is paid 0 on average, and the row's own right answer -1"
    ):
        run(kwargs)
    printed = run({**kwargs, "on_failure": {"constant": -3}})
    assert paid(printed)["empty"] == (-3, -3, -3, 4)
    assert "in the run it is paid -3" in printed
    assert paid(run({**kwargs, "on_failure": "group_mean"}))["empty"] == (4,)


def test_rows_with_one_result_are_not_paired(run):
    """Other words for the same result are right for both rows."""
    rows = [gsm8k(number, result=8) for number in range(1, 4)]
    assert list(paid(run({"reward": "math_verify_reward"}, rows))) == ["gold", "empty"]
    rows.append(gsm8k(4, result=9))
    assert paid(run({"reward": "math_verify_reward"}, rows))["another row's gold"] == (0, 0, 0, 0)


def test_rows_without_a_reference_are_paired_by_their_gold(run):
    rows = [gsm8k(number) for number in range(1, 4)]
    for row in rows:
        row["reward_model"]["ground_truth"] = None
    kwargs = {"reward": "math_verify_reward", "fields": {"label": {"reference": "extra_info.answer"}}}
    assert paid(run(kwargs, rows))["another row's gold"] == (0, 0, 0, 0)


def test_each_route_has_rows_of_its_own(run):
    other = [gsm8k(number, source="mine") for number in range(1, 4)]
    routes = {"openai/gsm8k": "math_verify_reward"}
    with pytest.raises(RewardConfigError) as error:
        run({"routes": {**routes, "default": "rewards_to_try:BackwardsReward"}}, [*GSM8K, *other])
    assert list(problems(error)) == [f"{KWARGS}.routes.default"]
    printed = run({"routes": {**routes, "default": "rewards_to_try:NeedsWordsReward"}}, [*GSM8K, *other])
    assert "what the reward of openai/gsm8k pays, on 4 training rows" in printed
    assert "what the reward of default pays, on 3 training rows" in printed


def test_routes_that_do_not_care_for_right_answers_are_left_out(run):
    other = [gsm8k(number, source="mine") for number in range(1, 4)]
    routes = {"openai/gsm8k": "math_verify_reward", "default": "length_penalty"}
    with pytest.raises(RewardConfigError, match="the right answer of another row is paid 0 on average"):
        run({"routes": routes}, [*GSM8K, *other])
    printed = run({"routes": routes, "preflight": {"routes": ["openai/gsm8k"]}}, [*GSM8K, *other])
    assert "reward of openai/gsm8k" in printed and "default" not in printed
    with pytest.raises(RewardConfigError) as error:
        run({"routes": routes, "preflight": {"routes": ["gsm8k"]}}, [*GSM8K, *other])
    told = "'gsm8k' is no route; there are ['openai/gsm8k', 'default']"
    assert problems(error) == {f"{KWARGS}.preflight.routes": told}


def test_a_route_far_behind_is_found(run):
    rows = [gsm8k(number) for number in range(3000)] + [gsm8k(number, source="late") for number in range(5)]
    kwargs = {"routes": {"openai/gsm8k": "math_verify_reward", "late": "math_verify_reward"}}
    assert "what the reward of late pays, on 4 training rows" in run(kwargs, rows)


def test_a_route_without_rows_and_rows_without_a_route(run):
    kwargs = {"routes": {"openai/gsm8k": "math_verify_reward", "gsm8k": "math_verify_reward"}}
    assert "preflight left out for the reward of gsm8k: the first training rows have none for it" in run(kwargs)
    with pytest.raises(RewardConfigError) as error:
        run({"routes": {"gsm8k": "math_verify_reward"}})
    told = "row 0 is of the data_source 'openai/gsm8k', which has no route; write one for it, or a default"
    assert problems(error) == {f"{KWARGS}.routes": told}


def test_a_reward_that_compares_orders_three_answers(run):
    printed = run({"reward": "rewards_to_try:BestReward"})
    assert paid(printed) == {"gold": (1, 1, 1, 0), "empty": (0, 0, 0, 0), "another row's gold": (0, 0, 0, 0)}


def test_a_judge_that_likes_the_first_answer_is_found_out(run):
    with pytest.raises(RewardConfigError, match=r"an empty answer is paid 0\.333 on average, and .* answer 0\.333"):
        run({"reward": "rewards_to_try:FirstReward", "preflight": {"rows": 3}})


def test_the_reward_is_told_what_its_manager_tells(run):
    kwargs = {"reward": "rewards_to_try:AskedReward"}
    assert paid(run(kwargs, GSM8K, MANAGER))["gold"] == (1, 1, 1, 0)
    # verl's own manager leaves the conversation out; extra_info has the bare question.
    with pytest.raises(RewardConfigError):
        run(kwargs)
    turns = {"reward": "math_verify_reward", "fields": {"metadata": {"turns": "extra_info.num_turns"}}}
    assert paid(run(turns))["gold"] == (1, 1, 1, 0)


def test_off_is_off(run):
    assert run({"reward": "rewards_to_try:BackwardsReward", "preflight": False}, []) == ""


def test_rows_that_tell_no_right_answer_are_left_out(run):
    rows = [without_answer(gsm8k(number)) for number in range(3)]
    for row in rows:
        row["reward_model"]["ground_truth"] = [row["reward_model"]["ground_truth"]]
    printed = run({"reward": "math_verify_reward"}, rows)
    assert printed.startswith("preflight left out for the reward: no row tells its right answer; to name its place")
    with pytest.raises(RewardConfigError) as error:
        run({"reward": "math_verify_reward", "preflight": {"gold": "extra_info.gold"}}, rows)
    (told,) = problems(error).values()
    assert list(problems(error)) == [f"{KWARGS}.preflight.gold"]
    assert told.startswith("no row of the reward has a text or a number at extra_info.gold; extra_info has ['index'")


@pytest.mark.parametrize(
    ("override", "why"),
    [
        ("data.custom_cls.path=mine.py", "data.custom_cls makes the rows in its own way"),
        ("data.train_files=[hdfs://a/b.parquet]", "hdfs://a/b.parquet of data.train_files is not on this machine"),
    ],
)
def test_rows_that_cannot_be_read_here_are_left_out(run, override, why):
    assert run({"reward": "math_verify_reward"}, GSM8K, override).strip() == f"preflight left out: {why}"


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("data.train_files=/no/such.parquet", "there is no file /no/such.parquet; correct the path"),
        ("data.train_files=README.md", "verl reads .parquet, .json and .jsonl, not README.md; convert it"),
    ],
)
def test_files_that_verl_could_not_read_are_named(run, override, said):
    with pytest.raises(RewardConfigError) as error:
        run({"reward": "math_verify_reward"}, GSM8K, override)
    assert problems(error) == {"data.train_files": said}


def test_a_file_that_is_not_what_its_name_says(run, tmp_path):
    (tmp_path / "bad.parquet").write_text("no parquet")
    with pytest.raises(RewardConfigError, match=r"bad\.parquet cannot be read \(.*; write it anew"):
        run({"reward": "math_verify_reward"}, GSM8K, f"data.train_files={tmp_path}/bad.parquet")
    with pytest.raises(RewardConfigError, match="has no column data_source, which verl's rewards need; add it"):
        run({"reward": "math_verify_reward"}, [{"prompt": "x"}])


def test_rows_of_several_files_are_told_apart(run, tmp_path):
    pq.write_table(pa.Table.from_pylist([gsm8k(1), gsm8k(2)]), tmp_path / "a.parquet")
    files = f"data.train_files=[{tmp_path}/a.parquet,{tmp_path}/train.parquet]"
    kwargs = {"reward": "math_verify_reward", "fields": {"reference": "extra_info.target"}}
    with pytest.raises(RewardConfigError, match=r"row 0 of a\.parquet: the right answer has no reward"):
        run(kwargs, GSM8K, files)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"rows": 0}, "greater than or equal to 1"),
        ({"gold": "row.answer"}, "'row.answer' is no place in a row"),
        ({"template": "<answer></answer>"}, "write {gold} where the right answer goes"),
        ({"rowz": 3}, "Extra inputs are not permitted"),
    ],
)
def test_wrong_settings_are_named(setting, said):
    with pytest.raises(RewardConfigError, match=said):
        scorer_of({"reward": "math_verify_reward", "preflight": setting})


def test_nothing_heavy_is_imported_for_it():
    code = (
        "import sys, reward_fn.adapters.verl.preflight\n"
        "print(*{'torch', 'ray', 'verl', 'transformers', 'pyarrow'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
