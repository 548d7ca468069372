"""A made-up run folder: no model and no trainer is needed to test what the report says about them."""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reward_fn.judges.pointwise import pointwise_messages
from rm_train.evaluation.evaluate import Evaluation, save_evaluation
from rm_train.evaluation.generation import Answer
from rm_train.evaluation.pointwise.judged import JudgedRow, judge_answer
from rm_train.evaluation.pointwise.metrics import measure
from rm_train.evaluation.pointwise.rows import Row

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "evaluation")]

FACTS = {
    "title": "pointwise judge: tiny on synthetic",
    "task": "pointwise",
    "recipe": "exact",
    "base_model": "tiny",
    "data": {"name": "synthetic/helpfulness", "synthetic": True, "rows": {"train": 400}, "fingerprint": "c0ffee"},
    "seed": 7,
    "steps": 40,
    "versions": {"verl": "0.9.1"},
    "hardware": "cpu",
    "seconds": {"training": 95.0, "merge": 4.25},
    "notes": ["The warm start is a deliberately lenient judge."],
    "command": "python -m verl.trainer.main_ppo seed=7",
}


def judged_rows(right: float, seed: int, count: int = 120, facts: bool = True) -> list[JudgedRow]:
    """Rows judged rightly with a probability, and else too high or not in the right form."""
    rng = random.Random(seed)
    rows = []
    for index in range(count):
        prompt = pointwise_messages([{"role": "user", "content": f"Name city {index}."}], f"It is number {index}.")
        row = Row(index, tuple(prompt), index % 5, {"city": index % 2 == 0} if facts else None)
        score = row.target if rng.random() < right else min(4, row.target + 1)
        text = f"<reason>city {'yes' if index % 2 == 0 else 'no'}</reason><score>{score}</score>"
        rows.append(judge_answer(row, Answer("no idea" if rng.random() < 0.05 else text, 9, False)))
    return rows


def save_side(run: Path, side: str, rows: list[JudgedRow]) -> None:
    metrics = measure([row.judgment() for row in rows])
    evaluation = Evaluation(
        "model", "data.parquet", "ab12", "float32", "cpu", 64, None, 0, 0, 9.0, 1.5, metrics, tuple(rows)
    )
    save_evaluation(evaluation, run / "evaluation" / side)


def write_lines(run: Path, name: str, lines: list[tuple[int, dict[str, Any]]], tail: str = "") -> None:
    (run / "metrics").mkdir(exist_ok=True)
    text = "".join(json.dumps({"step": step, "data": data}) + "\n" for step, data in lines)
    (run / "metrics" / name).write_text(text + tail)


@pytest.fixture
def bare_run(tmp_path: Path) -> Path:
    """A run folder with nothing but `run.json`."""
    run = tmp_path / "run"
    run.mkdir()
    (run / "run.json").write_text(json.dumps(FACTS))
    return run


@pytest.fixture
def run(bare_run: Path) -> Path:
    """A run folder with everything."""
    save_side(bare_run, "before", judged_rows(0.3, 1))
    save_side(bare_run, "after", judged_rows(0.9, 2))
    keys = ("reward/score/mean", "reward/acc/mean", "reward/format_ok/mean", "actor/entropy", "response_length/mean")
    write_lines(
        bare_run,
        "0001.jsonl",
        [(0, {"val-core/synthetic/acc/mean@1": 0.3})]
        + [(step, dict.fromkeys((*keys, "timing_s/step"), step / 50)) for step in range(1, 41)],
    )
    return bare_run


@pytest.fixture
def build() -> Callable[..., list[JudgedRow]]:
    return judged_rows


@pytest.fixture
def save() -> Callable[[Path, str, list[JudgedRow]], None]:
    return save_side


@pytest.fixture
def log() -> Callable[..., None]:
    return write_lines
