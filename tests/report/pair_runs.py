"""Made-up run folders of judges that compare: no model and no trainer."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from judged_pairs import verl_pair_rows

from reward_fn.judges.pairwise import PairwiseVerdict, format_pairwise
from rm_train.evaluation.evaluate import Evaluation, save_evaluation
from rm_train.evaluation.generation import Answer
from rm_train.evaluation.pairwise import PAIRWISE, JudgedPair
from rm_train.evaluation.pairwise.rows import read_rows

FACTS: dict[str, Any] = {
    "title": "pairwise judge: tiny on synthetic_pairwise",
    "task": "pairwise",
    "recipe": "exact",
    "base_model": "tiny",
    "data": {"name": "synthetic_pairwise", "synthetic": True, "fingerprint": "beefcafe" * 8},
    "seed": 3,
    "steps": 20,
    "seconds": {"training": 60.0},
}


def judged_pairs(folder: Path, right: float, for_a: float, seed: int, pairs: int = 60) -> list[JudgedPair]:
    """Rows judged rightly with a probability, and else for A with another, or for B."""
    data = folder / "pairs.parquet"
    pq.write_table(pa.Table.from_pylist(verl_pair_rows(pairs)), data)
    rng, judged = random.Random(seed), []
    for row in read_rows(data):
        said = row.target if rng.random() < right else "A" if rng.random() < for_a else "B"
        reason = f"city {'none' if said == 'tie' else said}, day both"
        text = "well" if rng.random() < 0.03 else format_pairwise(PairwiseVerdict(said, reason))
        judged.append(PAIRWISE.judge(row, Answer(text, 9, False)))
    return judged


def save_pairs(run: Path, side: str, rows: list[JudgedPair], data: str = "ab12") -> None:
    evaluation = Evaluation(
        model="model",
        data="pairs.parquet",
        data_sha256=data,
        dtype="float32",
        device="cpu",
        max_new_tokens=64,
        limit=None,
        skipped_too_long=0,
        cut_at_limit=0,
        mean_answer_tokens=9.0,
        seconds=1.5,
        metrics=PAIRWISE.measure(rows),
        judgments=tuple(rows),
    )
    save_evaluation(evaluation, run / "evaluation" / side)


def pair_run(folder: Path, name: str = "pairs", **facts: Any) -> Path:
    """A run folder with everything, of a judge that learns to compare and forgets to prefer A."""
    run = folder / name
    (run / "metrics").mkdir(parents=True)
    (run / "run.json").write_text(json.dumps(FACTS | facts))
    save_pairs(run, "before", judged_pairs(folder, 0.2, 0.9, 1))
    save_pairs(run, "after", judged_pairs(folder, 0.9, 0.5, 2))
    parts = ("score", "acc", "format_ok", "chose_a", "chose_longer", "tie")
    lines = [{"step": 0, "data": {f"val-aux/pairs/{part}/mean@1": 0.2 for part in ("acc", "chose_a", "consistent")}}]
    for step in range(1, 21):
        data = {f"reward/{part}/mean": step / 40 for part in parts} | {"response_length/mean": 30.0 + step}
        lines.append({"step": step, "data": data})
    (run / "metrics" / "0001.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return run
