"""The configured reward is tried on answers whose order is known; one that fails or does not keep it stops the run."""

from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from reward_fn.adapters.rows import Row
from rm_train.data import PrepareSettings, prepare
from rm_train.launch.checks import ConfigError
from rm_train.launch.config import compose_config
from rm_train.launch.pipeline import prepare_settings
from rm_train.launch.preflight import choose_rows, preflight, verdicts

KEY = "reward.custom_reward_function"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prepared")
    settings = PrepareSettings(dataset="synthetic", out_dir=folder / "data", train_prompts=40, val_prompts=10)
    return prepare(settings).train


@pytest.fixture
def run(data):
    """Run the preflight with overrides, and return what it prints."""

    def run(*overrides):
        console = Console(record=True, width=200)
        preflight(compose_config("pointwise", [f"data.train_files={data}", *overrides]), console)
        return console.export_text()

    return run


@pytest.fixture
def reward(tmp_path):
    """Write a reward of the user's, and return the overrides that name it."""

    def reward(body, signature="def compute_score(data_source, solution_str, ground_truth, extra_info, **kwargs)"):
        path = tmp_path / "mine.py"
        lines = "\n".join(f"    {line}" for line in body.splitlines())
        path.write_text(
            "import asyncio, math\nfrom reward_fn.judges.pointwise import PointwiseVerdict, parse_pointwise\n"
            f"{signature}:\n    verdict = parse_pointwise(solution_str)\n"
            "    score = verdict.score if isinstance(verdict, PointwiseVerdict) else None\n" + lines
        )
        return [f"{KEY}.path={path}", "reward.reward_manager.source=register", "reward.reward_manager.name=naive"]

    return reward


def paid(printed):
    """Read the table: kind -> mean, lowest, highest; none failed."""
    cells = ([cell.strip() for cell in line.strip("│ ").split("│")] for line in printed.splitlines() if "│" in line)
    return {kind: tuple(map(float, figures)) for kind, *figures, failed in cells if failed == "0"}


def test_every_recipe_pays_gold_above_wrong_above_garbage(run):
    assert paid(run("recipe=exact"))["gold"] == (1, 1, 1)
    for recipe in ("exact", "linear", "exp_decay"):
        table = paid(run(f"recipe={recipe}"))
        assert list(table) == ["gold", "wrong", "empty", "prose", "truncated"]
        gold, wrong = table["gold"], table["wrong"]
        assert gold[1] > wrong[2]
        for kind in ("empty", "prose", "truncated"):
            assert wrong[1] >= table[kind][2]


@pytest.mark.parametrize(("rows", "count"), [(3, 3), (8, 8), (1000, 80)])
def test_as_many_rows_are_tried_as_are_asked_for_and_there(rows, count, run):
    assert f"what the reward pays, on {count} training rows" in run(f"preflight_rows={rows}")


def test_the_rows_span_the_targets(data):
    rows = choose_rows(compose_config("pointwise", [f"data.train_files={data}"]), 4)
    targets = [row.row.ground_truth for row in rows]
    assert targets == sorted(targets)
    assert targets[0] == 0 and targets[-1] == 4


def test_the_wrong_verdict_is_the_farthest_one():
    wrong = [verdicts(Row("x", "", target))[1] for target in (0, 3)]
    assert [one.kind for one in wrong] == ["wrong", "wrong"]
    assert "<score>4</score>" in wrong[0].text and "<score>0</score>" in wrong[1].text


@pytest.mark.parametrize(
    "recipe",
    [
        *("j1", "j4r", "judgelrm", "margin_aware", "nemotron_genrm", "rm_gallery_pairwise", "rm_r1", "rrm", "spct"),
        *("think_rm_binary", "think_rm_multiclass"),
    ],
)
def test_every_recipe_of_pairs_pays_gold_above_wrong(recipe, tmp_path):
    config = compose_config("pairwise", [f"recipe={recipe}", f"run_dir={tmp_path / 'run'}"])
    settings = replace(prepare_settings(config), train_prompts=40, val_prompts=10)
    console = Console(record=True, width=200)
    train = prepare(settings).train
    preflight(compose_config("pairwise", [f"recipe={recipe}", f"data.train_files={train}"]), console)
    table = paid(console.export_text())
    assert table["gold"][1] > table["wrong"][2]


def test_a_reward_of_the_users_is_tried_with_its_arguments(run, reward):
    mine = reward(
        "assert extra_info['num_turns'] == 2 and 'index' in extra_info\n"
        "return -kwargs['scale'] * (5 if score is None else abs(score - ground_truth))"
    )
    assert paid(run(*mine, f"+{KEY}.reward_kwargs.scale=2"))["empty"] == (-10, -10, -10)


def test_an_async_reward_is_awaited(run, reward):
    mine = reward(
        "await asyncio.sleep(0)\nreturn {'score': 0.0 if score is None else 1.0 - abs(score - ground_truth) / 8}",
        "async def compute_score(data_source, solution_str, ground_truth, extra_info, **kwargs)",
    )
    assert paid(run(*mine))["gold"] == (1, 1, 1)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("return 1.0", "the right verdict is paid 1, a wrong one 1"),
        ("return float(score != ground_truth)", "the right verdict is paid 0, a wrong one 1"),
        ("return 0.5 if score is None else float(score == ground_truth)",
         "an answer without a verdict (empty) is paid 0.5, a wrong one 0"),
        ("return (len(solution_str) or -9) if score is None else 99 - abs(score - ground_truth) * 25",
         "an answer without a verdict (prose) is paid 41, a wrong one -1"),
        ("return float('nan')",
         "gold answer: returned nan (and 19 more); return a finite number, or a dictionary with one under 'score'"),
        ("return math.inf", "gold answer: returned inf"),
        ("return None", "gold answer: returned None"),
        ("return '1'", "gold answer: returned '1'"),
        ("return {'reward': 1.0}", "gold answer: returned {'reward': 1.0} (and 19 more); return a finite number"),
        ("return {'score': None}", "gold answer: returned {'score': None}"),
        ("return float(10 - abs(score - ground_truth))", "empty answer: raised TypeError: unsupported operand"),
        ("return {'score': -9.0, 'why': 1} if score is None else {'score': -abs(score - ground_truth)}",
         "empty answer: returned ['score', 'why'], and row"),
        ("return -9.0 if score is None else {'score': -abs(score - ground_truth)}",
         "empty answer: returned ['a number'], and row"),
    ],
)  # fmt: skip
def test_a_reward_that_fails_or_does_not_keep_the_order_is_named(body, said, run, reward):
    with pytest.raises(ConfigError) as error:
        run(*reward(body))
    assert str(error.value).startswith(f"{KEY}: row ")
    assert said in str(error.value)


def test_the_message_says_which_row_and_how_many_more(run, reward):
    with pytest.raises(ConfigError, match=r"row \d+ \(target 0\), gold answer: raised ValueError: no \(and 19 more\)"):
        run(*reward("raise ValueError('no')"))


def test_a_reward_that_needs_the_main_thread_fails_as_it_does_in_verl(run, reward):
    with pytest.raises(ConfigError, match="signal only works in main thread"):
        run(*reward("import signal\nsignal.signal(signal.SIGALRM, signal.SIG_DFL)\nreturn 1.0"))


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ([f"{KEY}.path=/no/such.py"], r"\.path: /no/such\.py cannot be loaded \(.*; write a Python file, or pkg:"),
        ([f"{KEY}.path=pkg://no.such"], r"\.path: pkg://no\.such cannot be loaded \(No module named 'no'\)"),
        ([f"{KEY}.path=README.md"], r"\.path: README\.md cannot be loaded \(it is not a Python file\)"),
        ([f"{KEY}.name=score"], r"\.name: pkg://reward_fn\.adapters\.verl has no function 'score'"),
    ],
)
def test_a_reward_that_cannot_be_loaded_is_named(overrides, said, run):
    with pytest.raises(ConfigError, match=f"^reward.custom_reward_function{said}"):
        run(*overrides)


def test_a_target_that_is_no_score_is_named(run, tmp_path):
    path = tmp_path / "rows.parquet"
    row = {"data_source": "mine", "reward_model": {"ground_truth": "seven"}, "extra_info": {"index": 0}}
    pq.write_table(pa.Table.from_pylist([row]), path)
    with pytest.raises(ConfigError, match=r"data\.train_files: row 0: reward_model\.ground_truth is 'seven'; make it"):
        run(f"data.train_files={path}")


@pytest.mark.parametrize(
    ("override", "why"),
    [
        ("preflight_rows=0", "preflight_rows=0"),
        ("reward.reward_model.enable=true", "the reward asks a reward model, which starts with the run"),
        (f"{KEY}.path=null", f"no {KEY}.path, so verl or a reward manager chooses the reward"),
    ],
)
def test_what_cannot_be_tried_is_left_out_and_said(override, why, run):
    assert run(override).strip() == f"preflight left out: {why}"
