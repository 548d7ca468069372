"""The published labels of GSM8K solutions, and what matches pay for them: the table of docs/rewards.md."""

import json
import re
from pathlib import Path

import pytest
import yaml

from reward_fn import docs
from reward_fn.loading import load_reward
from reward_fn.schema import DataOutput, DataSample, Step

FILE = Path(__file__).parents[3].parent / "shared" / "data" / "gsm8k" / "labelled_solutions_first_half.jsonl"
ROWS = re.findall(r"^\| `(\{.*\})` \| (.*) \|$", docs.page(), re.MULTILINE)


def test_the_table_has_every_measure():
    described = [yaml.safe_load(reward) for reward, _ in ROWS]
    measures = [one.get("measure", "recall") for one in described if one == {**one, "reward": "number_accuracy"}]
    assert {*measures} == {"recall", "precision", "f1", "last"}
    assert {"reward": "string_match", "mode": "contains"} in described


@pytest.mark.skipif(not FILE.is_file(), reason="the labelled solutions are not beside the repository")
@pytest.mark.parametrize(("reward", "figures"), ROWS, ids=[reward for reward, _ in ROWS])
def test_the_figures_are_those_of_the_labelled_solutions(reward, figures):
    rows = [json.loads(line) for line in FILE.read_text(encoding="utf-8").splitlines()]
    results = load_reward(yaml.safe_load(reward)).score_batch(
        [
            DataSample(
                output=[
                    DataOutput(
                        answer=Step(
                            content=row["solution"],
                            label={"reference": row["ground_truth"].rpartition("A:")[2].strip()},
                        )
                    )
                ]
            )
            for row in rows
        ]
    )
    right, wrong = (
        [result.score for (result,), row in zip(results, rows, strict=True) if row["is_correct"] is label]
        for label in (True, False)
    )
    paid, missed = wrong.count(1.0), len(right) - right.count(1.0)
    means = [f"{sum(scores) / len(scores):.3f}" for scores in (right, wrong)]
    assert figures.split(" | ") == [f"{paid:,}", f"{missed:,}", *means]
