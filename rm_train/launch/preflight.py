"""The configured reward, tried on answers whose order is known, before hours are spent on what it pays.

A reward that cannot tell a right verdict from a wrong one, that pays for unreadable answers or that fails on them is
found here in a second; in a run it looks like a model that does not learn.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from numbers import Real

from omegaconf import DictConfig
from rich.console import Console

from reward_fn import loop
from reward_fn.adapters.rows import Row
from reward_fn.adapters.verl.scorer import Scored, scorer_of
from reward_fn.adapters.verl.settings import OURS
from reward_fn.adapters.verl.training_rows import TrainingRow, out_of_reach, training_rows
from reward_fn.adapters.verl.trials import Trial, paid_by_row, payments
from reward_fn.loading import RewardConfigError
from rm_train.launch.checks.problem import ConfigError, Problem, listing, settle
from rm_train.launch.checks.reward import problems_of
from rm_train.launch.reward_function import load_reward
from rm_train.launch.trial_verdicts import GARBAGE, answers, off_scale

_KEY = "reward.custom_reward_function"
_LOOKED_AT = 1000
"""How many rows of the training data the tried ones are chosen from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried(Trial):
    """A trial, and what the function said: `result` is an exception when it raised one."""

    result: object

    def __str__(self) -> str:
        return f"{self.place}, {self.kind} answer"


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
    try:
        rows = choose_rows(config, config.preflight_rows)
    except RewardConfigError as error:
        raise ConfigError(listing(problems_of(error))) from error
    settle([problem for row in rows for problem in _off_scale(row)], console)
    trials = _try_all(config, rows)
    console.print(payments(trials))
    settle(unusable(trials) or disordered(trials), console)


def choose_rows(config: DictConfig, count: int) -> list[TrainingRow]:
    """Return some of the first rows, from the lowest target to the highest.

    Raises:
        RewardConfigError: The training data cannot be read.
    """
    rows = sorted(islice(training_rows(config), _LOOKED_AT), key=lambda row: str(row.row.ground_truth))
    count = min(count, len(rows))
    return [rows[place * (len(rows) - 1) // max(1, count - 1)] for place in range(count)]


def unusable(trials: Sequence[Tried]) -> list[Problem]:
    """Find results that would end a run, or make its advantages NaN."""
    raised = [
        f"{trial}: raised {type(trial.result).__name__}: {trial.result}"
        for trial in trials
        if isinstance(trial.result, BaseException)
    ]
    if raised:
        return [_problem(raised, "the reward must take any answer; give a score to those without a verdict too")]
    scoreless = [f"{trial}: returned {trial.result!r}" for trial in trials if trial.paid is None]
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
    found = []
    for row, paid in paid_by_row(trials).items():
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
    return out_of_reach(config)


def _off_scale(row: TrainingRow) -> list[Problem]:
    if not (wrong := off_scale(row.row)):
        return []
    fix = f"make it {wrong[1]}; to train on something else, write preflight_rows=0"
    return [Problem("data.train_files", f"{row.place}: {wrong[0]}", fix)]


def _try_all(config: DictConfig, rows: Sequence[TrainingRow]) -> list[Tried]:
    tried = [
        (f"{row.place} (target {row.row.ground_truth})", kind, replace(row.row, answer=text))
        for row in rows
        for kind, text in answers(row.row).items()
    ]
    results = _results(config, [row for _, _, row in tried])
    return [_tried(place, kind, result) for (place, kind, _), result in zip(tried, results, strict=True)]


def _results(config: DictConfig, rows: Sequence[Row]) -> list[object]:
    """Return what the configured reward says to each row: its result, or the exception that it raised."""
    function = load_reward(config)
    settings = config.reward.custom_reward_function
    if settings.path == OURS:
        # The reward manager asks the scorer, without the function between them.
        return loop.run(_scores(settings.get("reward_kwargs") or {}, rows))
    return function([
        {
            "data_source": row.data_source,
            "solution_str": row.answer,
            "ground_truth": row.ground_truth,
            "extra_info": dict(row.extra_info),
        }
        for row in rows
    ])  # fmt: skip


async def _scores(kwargs: Mapping[str, object], rows: Sequence[Row]) -> list[object]:
    scorer = scorer_of(kwargs)
    found = await asyncio.gather(*(scorer.score(row) for row in rows), return_exceptions=True)
    return [one.numbers if isinstance(one, Scored) else one for one in found]


def _tried(place: str, kind: str, result: object) -> Tried:
    score = result.get("score") if isinstance(result, Mapping) else result
    paid = float(score) if isinstance(score, Real) and math.isfinite(score) else None
    return Tried(place=place, kind=kind, paid=paid, failure="no score" if paid is None else "", result=result)


def _keys(trial: Tried) -> list[str]:
    return sorted(trial.result) if isinstance(trial.result, Mapping) else ["a number"]


def _problem(found: Sequence[str], fix: str) -> Problem:
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return Problem(_KEY, found[0] + more, fix)
