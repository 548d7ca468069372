"""`rm-train lint-reward`: a reward by name, file or place; tables and JSON; what cannot be linted is named."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from rm_train.cli import main

DOCS = (Path(__file__).parents[2] / "docs" / "lint.md").read_text(encoding="utf-8")
MINE = '''
from reward_fn.base import BasePointWiseReward, answer_text, reference_text
from reward_fn.schema import RewardResult

def compute_score(data_source, solution_str, ground_truth, extra_info=None, bonus=0.0):
    """Pays an answer anywhere."""
    assert data_source == "mine" and extra_info["index"] >= 0
    return {"score": float(ground_truth in solution_str) + bonus, "format": 1}

async def strict(data_source, solution_str, ground_truth, extra_info):
    return float(solution_str.strip() == ground_truth)

def swapped(solution, gold):
    return 1.0

class Exact(BasePointWiseReward):
    name: str = "exact"
    bonus: float = 0.0

    def _evaluate(self, sample, **kwargs):
        return RewardResult.of(self.name, self.bonus + (answer_text(sample).strip() == reference_text(sample)))

class Judge(Exact):
    """Stands for a judge: it counts its requests."""

    cost = "llm"

    def _evaluate(self, sample, **kwargs):
        print("asked")
        return super()._evaluate(sample)
'''


def lint(*arguments, columns="200"):
    return CliRunner().invoke(main, ["lint-reward", *map(str, arguments)], env={"COLUMNS": columns})


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """Stand in a folder with a file of rewards, as its writer does; the search path is as before afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "mine.py").write_text(MINE)
    (tmp_path / "broken.py").write_text("import json\nnothing = missing_name\n")
    yield tmp_path
    sys.modules.pop("mine", None)


@pytest.fixture
def data(here):
    rows = [
        {
            "data_source": "mine",
            "prompt": [{"role": "user", "content": f"What is {number} and {number}?"}],
            "reward_model": {"style": "rule", "ground_truth": str(2 * number)},
            "extra_info": {"index": number, "answer": f"{number}+{number}={2 * number}.\n#### {2 * number}"},
        }
        for number in range(40, 70)
    ]
    pq.write_table(pa.Table.from_pylist(rows), here / "train.parquet")
    (here / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (here / "table.json").write_text(json.dumps([{"question": "?", "answer": 3 * n} for n in range(11, 15)]))
    return here / "train.parquet"


def test_a_good_reward_is_0_and_a_hackable_one_1():
    good = lint("string_match")
    assert good.exit_code == 0, good.output
    assert good.output.rstrip().endswith("string_match: no findings (208 responses to 4 rows)")
    bad = lint("string_match", "--set", "mode=contains")
    assert bad.exit_code == 1
    for said in ("what string_match pays, on 4 rows", "must be paid", "hackable: negated is paid 1 (the gold: 1) on 4",
                 "note: the 4 rows (texts) are written for the linter", "string_match: 4 hackable"):  # fmt: skip
        assert said in bad.output


@pytest.mark.parametrize("place", ["mine.py:compute_score", "mine:compute_score", "./mine.py:compute_score"])
def test_a_function_of_a_file_or_module_on_rows_of_a_run(place, data):
    done = lint(place, "--data", data)
    assert done.exit_code == 1, done.output
    assert "what compute_score pays, on 16 rows" in done.output
    for kind in ("negated", "hedged", "all candidates", "gold in the thought only", "unclosed thought"):
        assert f"hackable: {kind} is paid 1 (the gold: 1) on " in done.output


@pytest.mark.parametrize("file", ["train.parquet", "train.jsonl"])
def test_a_strict_async_function_has_no_findings(file, data):
    done = lint("mine.py:strict", "--data", data.with_name(file), "--rows", 5)
    assert done.exit_code == 0, done.output
    assert "to 5 rows)" in done.output


def test_arguments_of_functions_and_fields_of_classes_are_set(data):
    done = lint("mine.py:compute_score", "--data", data, "--set", "bonus=2", "--json")
    paid = {kind["kind"]: kind["mean"] for kind in json.loads(done.output)["kinds"]}
    assert (paid["gold"], paid["empty"]) == (3, 2)
    done = lint("mine.py:Exact", "--data", data, "--set", "bonus=1")
    assert done.exit_code == 0 and "exact: no findings" in done.output


def test_a_file_that_describes_a_reward(data, here):
    described = {"reward": "string_match", "read": "tag:answer"}
    (here / "match.json").write_text(json.dumps(described))
    (here / "match.yaml").write_text("reward: string_match\nmode: contains\n")
    assert lint("match.json", "--data", data).exit_code == 0
    assert lint("match.yaml", "--data", data).exit_code == 1


def test_a_template_and_the_place_of_the_gold(data):
    done = lint("accuracy", "--set", "read=tag:final", "--template", "<final>{gold}</final>", "--data", data,
                "--gold", "extra_info.answer", "--json")  # fmt: skip
    assert done.exit_code == 0, done.output
    assert json.loads(done.output)["reads"] == ["gold in the template"]


def test_columns_with_usual_and_other_names(data):
    assert lint("accuracy", "--data", data.with_name("table.json")).exit_code == 0
    done = lint(
        "accuracy", "--data", data.with_name("table.json"), "--prompt-key", "answer", "--reference-key", "question"
    )
    assert done.exit_code == 2 and "answer should be a text, or a list of messages" in done.output


def test_functions_that_choose_by_the_data_source_are_given_one():
    without = lint("verl.utils.reward_score:default_compute_score")
    assert without.exit_code == 1 and "broken: the gold fails: crash: NotImplementedError" in without.output
    done = lint("verl.utils.reward_score:default_compute_score", "--data-source", "openai/gsm8k", "--json")
    told = json.loads(done.output)
    assert told["reads"] == ["gold after ####"]
    # A fault of verl 0.9.1: what follows the number after #### is not looked at.
    assert "hedged" in {finding["kind"] for finding in told["findings"]}


def test_the_requests_of_a_judge_are_announced(data):
    done = lint("mine.py:Judge", "--data", data)
    assert done.exit_code == 0, done.output
    announced = int(done.stderr.split("up to ")[1].split(" requests")[0].replace(",", ""))
    assert "exact asks an LLM for every response: up to" in done.stderr
    assert 50 < done.stdout.count("asked") <= announced < 400
    assert "to 4 rows)" in done.stdout


def test_json_is_all_that_is_printed():
    told = json.loads(lint("string_match", "--set", "mode=contains", "--json").stdout)
    assert {"reward", "rows", "responses", "reads", "findings", "kinds", "notes"} == set(told)
    assert {finding["code"] for finding in told["findings"]} == {"hackable"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["string_mach"], "string_mach: reward: no reward is called 'string_mach'; did you mean string_match"),
        (["string_match", "--set", "mod=contains"], "mod: there is no such field; did you mean mode?"),
        (["string_match", "--set", "mode"], "--set mode: write FIELD=VALUE"),
        (["no.yaml"], "there is no file no.yaml; correct the path"),
        (["no.py:compute_score"], "no.py cannot be loaded ([Errno 2] No such file or directory"),
        (["no_module:compute_score"], "pkg://no_module cannot be loaded (No module named 'no_module')"),
        (["broken.py:compute_score"], "broken.py cannot be loaded (NameError: name 'missing_name' is not defined)"),
        (["mine.py:compute_scor"], "mine.py has no function 'compute_scor'; did you mean compute_score?"),
        (["mine.py:swapped"], "swapped cannot be called as verl calls it (missing a required argument: 'solution'); "
                              "write def swapped(data_source, solution_str, ground_truth, extra_info=None)"),
        (["mine.py:strict", "--set", "bonus=2"], "strict cannot be called as verl calls it (got an unexpected keyword"),
        (["accuracy", "--data", "no.jsonl"], "File 'no.jsonl' does not exist"),
        (["accuracy", "--data", "mine.py"], "mine.py"),
        (["accuracy", "--data", "lines.jsonl"], "lines.jsonl, line 2: not JSON"),
        (["accuracy", "--template", "<a></a>"], "write {gold} where the answer goes"),
        (["accuracy", "--tolerance", "0"], "0.0 is not in the range 0<x<=1"),
    ],
)  # fmt: skip
def test_what_cannot_be_linted_is_named_and_is_2(arguments, said, here):
    (here / "lines.jsonl").write_text('{"prompt": "?", "reference": "4"}\nno json\n')
    done = lint(*arguments)
    assert done.exit_code == 2, done.output
    assert said in done.output and "Traceback" not in done.output


def test_the_command_as_it_is_typed(data):
    command = [
        sys.executable,
        "-m",
        "rm_train.cli",
        "lint-reward",
        "mine:compute_score",
        "--data",
        str(data),
        "--rows",
        "2",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert done.stdout.splitlines()[-1].startswith("compute_score: ") and done.stderr == ""


def test_heavy_libraries_are_not_imported():
    code = (
        "import atexit, sys\nfrom rm_train.cli import main\n"
        "atexit.register(lambda: print('heavy:', *{'torch', 'ray', 'verl', 'transformers'} & set(sys.modules)))\n"
        "main(['lint-reward', 'accuracy'], standalone_mode=False)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stdout.rstrip().endswith("heavy:"), done.stderr


def test_the_help_has_examples_that_can_be_typed():
    done = lint("--help", columns="100")
    for said in ("rm-train lint-reward string_match --set mode=contains\n", "hackable", "exit status is 0 without"):
        assert said in done.output


def test_the_page_shows_what_its_commands_print(here):
    (function,) = re.findall(r"```python\n(import re.*?)```", DOCS, re.DOTALL)
    (rows,) = re.findall(r"```json\n(.*?)```", DOCS, re.DOTALL)
    (here / "my_reward.py").write_text(function)
    (here / "rows.jsonl").write_text(rows)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    blocks = re.findall(r"```console\n\$ (.*?)\n(.*?)```", DOCS, re.DOTALL)
    assert len(blocks) == 3
    for command, said in blocks:
        env = {**os.environ, "PATH": path, "COLUMNS": "100"}
        done = subprocess.run(["bash", "-c", command], env=env, capture_output=True, text=True, check=False)
        assert [line.rstrip() for line in done.stdout.splitlines()] == said.splitlines(), command


def test_the_python_of_the_page_runs():
    (block,) = re.findall(r"```python\n(from reward_fn.*?)```", DOCS, re.DOTALL)
    exec(compile(block, "docs/lint.md", "exec"), {})
