"""Public sets: golds in a box are paid, another row's are not, and GSM8K's published labels are met."""

import json
import re
from pathlib import Path

import pytest

from reward_fn.registry import RewardRegistry
from reward_fn.schema import DataOutput, DataSample, FailureKind, Step

pytest.importorskip("math_verify")
DATA = Path(__file__).parents[3].parent / "shared" / "data"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the public sets are not beside the repository")
SETS = ("math500_first_half", "gaokao2023en", "aqua_choices")


def rows_of(name):
    return [json.loads(line) for line in (DATA / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]


def results_of(pairs):
    """Results of responses to rows with these golds."""
    samples = [
        DataSample(output=[DataOutput(answer=Step(content=text, label={"reference": gold}))]) for text, gold in pairs
    ]
    return [results[0] for results in RewardRegistry.get("math_verify_reward")().score_batch(samples)]


def golds_of(name):
    return [row["answer"] for row in rows_of(f"math_golds/{name}")]


def boxed(gold):
    """A gold in a box, as a model writes it: without the dollars around it."""
    return r"The answer is \boxed{{{}}}.".format(re.sub(r"^\$([^$]+)\$$", r"\1", gold))


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("write", [boxed, r"\boxed{{{}}}".format], ids=["bare", "as stored"])
def test_golds_in_a_box_are_paid(name, write):
    golds = golds_of(name)
    results = results_of([(write(gold), gold) for gold in golds])
    assert sum(result.score == 1 for result in results) >= 0.99 * len(golds)
    failed = [(gold, result.failure) for gold, result in zip(golds, results, strict=True) if result.failure]
    assert all(not gold and failure.kind is FailureKind.BAD_INPUT for gold, failure in failed)


@pytest.mark.parametrize("name", SETS)
def test_another_rows_gold_is_not_paid(name):
    golds = list(filter(None, golds_of(name)))
    others = [
        next(other for other in (*golds[at + 1 :], *golds[:at]) if other != gold) for at, gold in enumerate(golds)
    ]
    results = results_of([(boxed(other), gold) for other, gold in zip(others, golds, strict=True)])
    assert all(result.failure is None for result in results)
    paid = [pair for *pair, result in zip(others, golds, results, strict=True) if result.score]
    assert len(paid) <= 0.01 * len(golds), paid


def test_worked_solutions_of_math_500_are_paid():
    rows = rows_of("math_golds/math500_first_half")
    results = results_of([(row["solution"], row["answer"]) for row in rows])
    assert [row["id"] for row, result in zip(rows, results, strict=True) if result.score != 1] == []


@pytest.mark.parametrize("gold", ["number", "solution"])
def test_the_labels_of_gsm8k_are_met(gold):
    rows = rows_of("gsm8k/labelled_solutions_first_half")
    golds = [row["ground_truth"].rpartition("A: ")[2] if gold == "number" else row["ground_truth"] for row in rows]
    results = results_of([(row["solution"], one) for row, one in zip(rows, golds, strict=True)])
    differ = [row["id"] for row, result in zip(rows, results, strict=True) if result.score != float(row["is_correct"])]
    assert len(rows) == 2638 and differ == []
