"""The configured reward, tried on answers whose order is known, before hours are spent on what it pays.

A reward that cannot tell a right verdict from a wrong one, that pays for unreadable answers or that fails on them is
found here in a second; in a run it looks like a model that does not learn.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from pathlib import Path

import pyarrow.parquet as pq
from omegaconf import DictConfig
from rich.console import Console
from rich.table import Table

from reward_fn.judges.pointwise import SCORES, PointwiseVerdict, format_pointwise
from rm_train.launch.checks.data_files import training_files
from rm_train.launch.checks.problem import Problem, settle
from rm_train.launch.reward_function import load_reward

_KEY = "reward.custom_reward_function"
_LOOKED_AT = 1000
"""How many rows of the training data the tried ones are chosen from."""

_REASON = "The answer does a part of what was asked."
GARBAGE = ("empty", "prose", "truncated")
"""The kinds of answers that hold no verdict."""


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """A training row, as far as a reward sees it; `number` is its place in the data, from 0."""

    number: int
    data_source: str
    ground_truth: object
    extra_info: Mapping[str, object]

    def __str__(self) -> str:
        return f"row {self.number} (target {self.ground_truth})"


@dataclass(frozen=True, slots=True)
class Trial:
    """What a reward said to one kind of answer for one row; `result` is an exception when it raised one."""

    row: Row
    kind: str
    result: object

    def __str__(self) -> str:
        return f"{self.row}, {self.kind} answer"

    @property
    def reward(self) -> float | None:
        """The score that verl would train on; None when there is none."""
        score = self.result.get("score") if isinstance(self.result, Mapping) else self.result
        return float(score) if isinstance(score, Real) and math.isfinite(score) else None


def preflight(config: DictConfig, console: Console) -> None:
    """Let a few training rows go through the configured reward, and print what it pays.

    Each row is tried with the verdict that is right, with the one that is farthest from it, and with answers that hold
    no verdict.

    Raises:
        ConfigError: The reward fails, returns what verl cannot use, or does not put the answers in order.
    """
    if reason := _not_tried(config):
        console.print(f"preflight left out: {reason}")
        return
    rows = choose_rows(training_files(config), config.preflight_rows)
    settle([problem for row in rows for problem in _off_scale(row)], console)
    trials = _try_all(config, rows)
    console.print(_table(trials))
    settle(unusable(trials) or disordered(trials), console)


def answers(target: int) -> dict[str, str]:
    """Return one answer of each kind for a row with this target."""
    farthest = max(SCORES, key=lambda score: abs(score - target))
    gold = format_pointwise(PointwiseVerdict(target, _REASON))
    return {
        "gold": gold,
        "wrong": format_pointwise(PointwiseVerdict(farthest, _REASON)),
        "empty": "",
        "prose": _REASON,
        "truncated": gold[: len(gold) // 2],
    }


def choose_rows(files: Sequence[Path], count: int) -> list[Row]:
    """Return some of the first rows, from the lowest target to the highest."""
    columns = ["data_source", "reward_model", "extra_info"]
    with pq.ParquetFile(files[0]) as file:
        batch = next(file.iter_batches(_LOOKED_AT, columns=columns))
    rows = [
        Row(number, line["data_source"], line["reward_model"]["ground_truth"], line["extra_info"] or {})
        for number, line in enumerate(batch.to_pylist())
    ]
    rows.sort(key=lambda row: str(row.ground_truth))
    count = min(count, len(rows))
    return [rows[place * (len(rows) - 1) // max(1, count - 1)] for place in range(count)]


def unusable(trials: Sequence[Trial]) -> list[Problem]:
    """Find results that would end a run, or make its advantages NaN."""
    raised = [
        f"{trial}: raised {type(trial.result).__name__}: {trial.result}"
        for trial in trials
        if isinstance(trial.result, BaseException)
    ]
    if raised:
        return [_problem(raised, "the reward must take any answer; give a score to those without a verdict too")]
    scoreless = [f"{trial}: returned {trial.result!r}" for trial in trials if trial.reward is None]
    if scoreless:
        return [_problem(scoreless, "return a finite number, or a dictionary with one under 'score'")]
    first = trials[0]
    other = [
        f"{trial}: returned {_keys(trial)}, and {first}: {_keys(first)}"
        for trial in trials
        if _keys(trial) != _keys(first)
    ]
    return [_problem(other, "return the same keys always: verl reads those of the first one")] if other else []


def disordered(trials: Sequence[Trial]) -> list[Problem]:
    """Find rows whose answers are not paid in order: gold above wrong, and nothing unreadable above wrong."""
    rewards: dict[Row, dict[str, float]] = {}
    for trial in trials:
        if trial.reward is not None:
            rewards.setdefault(trial.row, {})[trial.kind] = trial.reward
    found = []
    for row, paid in rewards.items():
        wrong = f"a wrong one {paid['wrong']:g}"
        if paid["gold"] <= paid["wrong"]:
            found.append(f"{row}: the right verdict is paid {paid['gold']:g}, {wrong}")
        found += [
            f"{row}: an answer without a verdict ({kind}) is paid {paid[kind]:g}, {wrong}"
            for kind in GARBAGE
            if paid[kind] > paid["wrong"]
        ]
    return [_problem(found, "correct the reward; to try none, write preflight_rows=0")] if found else []


def _not_tried(config: DictConfig) -> str | None:
    """Return why nothing is tried, or None."""
    if config.preflight_rows == 0:
        return "preflight_rows=0"
    if config.reward.reward_model.enable:
        return "the reward asks a reward model, which starts with the run"
    if not config.reward.custom_reward_function.path:
        return f"no {_KEY}.path, so verl or a reward manager chooses the reward"
    return None


def _off_scale(row: Row) -> list[Problem]:
    if str(row.ground_truth) in map(str, SCORES):
        return []
    return [Problem("data.train_files", f"row {row.number}: reward_model.ground_truth is {row.ground_truth!r}",
                    f"make it a score from {SCORES[0]} to {SCORES[-1]}; "
                    "to train on something else, write preflight_rows=0")]  # fmt: skip


def _try_all(config: DictConfig, rows: Sequence[Row]) -> list[Trial]:
    tried = [(row, kind, text) for row in rows for kind, text in answers(int(str(row.ground_truth))).items()]
    results = load_reward(config)([
        {
            "data_source": row.data_source,
            "solution_str": text,
            "ground_truth": row.ground_truth,
            # verl's reward manager adds these two.
            "extra_info": {**row.extra_info, "num_turns": 2, "rollout_reward_scores": {}},
        }
        for row, _, text in tried
    ])  # fmt: skip
    return [Trial(row, kind, result) for (row, kind, _), result in zip(tried, results, strict=True)]


def _table(trials: Sequence[Trial]) -> Table:
    rows = len({trial.row.number for trial in trials})
    table = Table(title=f"what the reward pays, on {rows} training rows")
    for heading in ("answer", "mean", "lowest", "highest"):
        table.add_column(heading, justify="left" if heading == "answer" else "right")
    for kind in dict.fromkeys(trial.kind for trial in trials):
        paid = [trial.reward for trial in trials if trial.kind == kind and trial.reward is not None]
        figures = (sum(paid) / len(paid), min(paid), max(paid)) if paid else ()
        table.add_row(kind, *(f"{figure:+.3f}" for figure in figures))
    return table


def _keys(trial: Trial) -> list[str]:
    return sorted(trial.result) if isinstance(trial.result, Mapping) else ["a number"]


def _problem(found: Sequence[str], fix: str) -> Problem:
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return Problem(_KEY, found[0] + more, fix)
