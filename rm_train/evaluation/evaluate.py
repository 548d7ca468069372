"""Evaluate one judge on one data file: what `rm-train evaluate` does, and both sides of a training report.

The result is two files. `judgments.jsonl` holds every answer with what was read from it, so that any figure can be
recomputed and any row looked at; `metrics.json` holds the figures and everything they depend on.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rm_train.evaluation.judged import as_lines
from rm_train.evaluation.kind import Measured
from rm_train.evaluation.kinds import KINDS, kind_of_data
from rm_train.files import atomic_write_json, atomic_write_text, sha256_file

if TYPE_CHECKING:
    from rm_train.evaluation.generation import Progress

METRICS_FILE = "metrics.json"
JUDGMENTS_FILE = "judgments.jsonl"


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A judge's figures on a data file, with what they depend on.

    Attributes:
        model: Model folder or hub name.
        data: The data file.
        data_sha256: Its fingerprint.
        dtype: Of the model's weights and arithmetic.
        device: Where it ran.
        max_new_tokens: Limit of an answer.
        limit: How many rows were asked for; None for all.
        skipped_too_long: Rows left out because their prompt does not fit in the model's context.
        cut_at_limit: Answers stopped at `max_new_tokens`.
        mean_answer_tokens: Mean length of an answer, in tokens.
        seconds: Generation's wall time, without loading.
        metrics: The figures, those of the kind of judge that the data file is for.
        judgments: One for each row, in the order of the file; each kind has its own dataclass.
    """

    model: str
    data: str
    data_sha256: str
    dtype: str
    device: str
    max_new_tokens: int
    limit: int | None
    skipped_too_long: int
    cut_at_limit: int
    mean_answer_tokens: float
    seconds: float
    metrics: Measured
    judgments: tuple[Any, ...]


def evaluate_model(
    model: str,
    data: Path,
    out_dir: Path | None = None,
    *,
    batch_size: int = 64,
    max_new_tokens: int = 256,
    dtype: str = "auto",
    limit: int | None = None,
    on_long_prompt: Literal["stop", "skip"] = "stop",
    progress: Progress | None = None,
) -> Evaluation:
    """Let a judge answer every row greedily, read its verdicts strictly and compute the figures.

    Args:
        model: A model folder or a name on the hub.
        data: verl parquet, as `rm-train prepare` writes it; its columns say whether it is for judges that rate one
            answer or for those that compare two.
        out_dir: Where `metrics.json` and `judgments.jsonl` go; None writes nothing.
        batch_size: Prompts at a time.
        max_new_tokens: Limit of an answer, in tokens.
        dtype: "float32", "bfloat16", or "auto": float32 on a CPU, bfloat16 on a GPU.
        limit: Judge only the first rows.
        on_long_prompt: What to do with rows whose prompt does not fit in the model's context: stop with an error, or
            leave them out and count them.
        progress: Called with the rows that are done and all rows.

    Raises:
        FileNotFoundError: The model or the data file does not exist.
        ValueError: The data file or an argument is not usable; the message names the column or the row.
        PromptTooLongError: A prompt does not fit and `on_long_prompt` is "stop".
    """
    from rm_train.evaluation.generation import greedy_answers, prompts_that_fit
    from rm_train.evaluation.models import check_model, choose_device, load_judge, resolve_dtype

    check_model(model)
    device = choose_device()
    dtype = resolve_dtype(dtype, device)
    kind = kind_of_data(data)
    rows = kind.read_rows(data, limit)
    judge, tokenizer = load_judge(model, dtype, device)
    asked = len(rows)
    if on_long_prompt == "skip":
        rows = [rows[i] for i in prompts_that_fit(judge, tokenizer, [row.prompt for row in rows], max_new_tokens)]
        if not rows:
            raise ValueError(f"none of the {asked} prompts of {data} fits in the context of {model}")
    began = time.perf_counter()
    answers = greedy_answers(
        judge,
        tokenizer,
        [row.prompt for row in rows],
        names=[f"{data}, row {row.index}" for row in rows],
        max_new_tokens=max_new_tokens,
        batch_size=batch_size,
        progress=progress,
    )
    seconds = time.perf_counter() - began
    judged = tuple(kind.judge(row, answer) for row, answer in zip(rows, answers, strict=True))
    evaluation = Evaluation(
        model=model,
        data=str(data),
        data_sha256=sha256_file(data),
        dtype=dtype,
        device=device,
        max_new_tokens=max_new_tokens,
        limit=limit,
        skipped_too_long=asked - len(rows),
        cut_at_limit=sum(row.cut for row in judged),
        mean_answer_tokens=sum(row.tokens for row in judged) / len(judged),
        seconds=seconds,
        metrics=kind.measure(judged),
        judgments=judged,
    )
    if out_dir is not None:
        save_evaluation(evaluation, out_dir)
    return evaluation


def save_evaluation(evaluation: Evaluation, out_dir: Path) -> None:
    """Write `judgments.jsonl` and then `metrics.json`, each whole or not at all.

    `metrics.json` comes last: a folder that has it has everything.

    Raises:
        OSError: A file cannot be written.
    """
    (out_dir / METRICS_FILE).unlink(missing_ok=True)
    atomic_write_text(out_dir / JUDGMENTS_FILE, as_lines(evaluation.judgments))
    names = [name for name in Evaluation.__slots__ if name not in ("metrics", "judgments")]
    settings = {name: getattr(evaluation, name) for name in names}
    atomic_write_json(
        out_dir / METRICS_FILE, {**settings, "metrics": KINDS[evaluation.metrics.kind].as_json(evaluation.metrics)}
    )
