"""What a run folder holds, read for its report.

A report must also be possible for a run that failed half-way: that is when one wants to look. So what is missing is
left empty and named in `missing`; only what is there and broken is an error.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rm_train.evaluation.evaluate import JUDGMENTS_FILE, METRICS_FILE
from rm_train.evaluation.judged import read_judgments
from rm_train.evaluation.kind import Kind, Measured
from rm_train.evaluation.kinds import kind_of_metrics
from rm_train.report.curves import Steps, read_steps

RUN_FILE = "run.json"


@dataclass(frozen=True, slots=True)
class Side:
    """One evaluated judge: before or after training.

    Attributes:
        kind: The kind of judge.
        settings: Model, data, dtype and whatever else `metrics.json` says beside the figures.
        metrics: The figures.
        judgments: Every judged row; empty if `judgments.jsonl` is missing.
    """

    kind: Kind[Any, Any, Any]
    settings: dict[str, Any]
    metrics: Measured
    judgments: list[Any]


@dataclass(frozen=True, slots=True)
class RunData:
    """A run folder's content.

    Attributes:
        folder: The run folder.
        facts: `run.json`.
        steps: What verl logged.
        before: The judge that training began with; None if it was not evaluated.
        after: The trained judge; None if it was not evaluated.
        missing: What the folder lacks, in sentences.
    """

    folder: Path
    facts: dict[str, Any]
    steps: Steps
    before: Side | None
    after: Side | None
    missing: list[str]


def read_run(run_dir: Path) -> RunData:
    """Read a run folder.

    Raises:
        FileNotFoundError: There is no such folder, or it has no `run.json`.
        ValueError: A file is broken; the message names it.
    """
    record = run_dir / RUN_FILE
    if not record.is_file():
        raise FileNotFoundError(f"{run_dir} is not a run folder: it has no {RUN_FILE}")
    missing: list[str] = []
    facts = _read_object(record)
    steps = read_steps(run_dir / "metrics")
    if not steps:
        missing.append("No training step was logged.")
    sides = [_read_side(run_dir / "evaluation" / name, name, missing) for name in ("before", "after")]
    return RunData(run_dir, facts, steps, sides[0], sides[1], missing)


def mapping(value: object) -> Mapping[str, Any]:
    """Return a part of `run.json` that holds names and values; an empty one where there is none."""
    return value if isinstance(value, Mapping) else {}


def seconds_of(facts: Mapping[str, Any]) -> dict[str, float]:
    """Return how long each phase of a run has taken, as far as `run.json` says it."""
    times = mapping(facts.get("seconds")).items()
    return {str(name): value for name, value in times if isinstance(value, (int, float))}


def _read_side(folder: Path, name: str, missing: list[str]) -> Side | None:
    if not (folder / METRICS_FILE).is_file():
        missing.append(f"The judge was not evaluated {name} training.")
        return None
    settings = _read_object(folder / METRICS_FILE)
    figures = settings.pop("metrics", {})
    try:
        kind = kind_of_metrics(figures)
        metrics = kind.from_json(figures)
    except ValueError as error:
        raise ValueError(f"{folder / METRICS_FILE}: {error}") from error
    if not (folder / JUDGMENTS_FILE).is_file():
        missing.append(f"The judgments {name} training are missing.")
        return Side(kind, settings, metrics, [])
    return Side(kind, settings, metrics, read_judgments(folder / JUDGMENTS_FILE, kind.judged_type))


def _read_object(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} does not hold a JSON object")
    return content
