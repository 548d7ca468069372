"""The configured reward, tried on answers whose order is known, before hours are spent on what it pays.

A reward that cannot tell a right verdict from a wrong one, that pays for unreadable answers or that fails on them is
found here in a second; in a run it looks like a model that does not learn.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from omegaconf import DictConfig
from rich.console import Console

from reward_fn import loop
from reward_fn.adapters.rows import Row
from reward_fn.adapters.verl.scorer import Scored, scorer_of
from reward_fn.adapters.verl.settings import OURS
from reward_fn.adapters.verl.training_rows import TrainingRow, out_of_reach, training_rows
from reward_fn.base.functions import ARGUMENTS, call, score_in
from reward_fn.judges.forms import FORMS
from reward_fn.judges.forms.checklist import ChecklistVerdict
from reward_fn.judges.forms.graded import GradedVerdict
from reward_fn.judges.forms.json_scores import JsonScores
from reward_fn.judges.forms.listed_scores import ListedScores
from reward_fn.judges.forms.two_scores import TwoScores
from reward_fn.judges.pairwise import PREFERENCES, PairwiseVerdict, Preference, swapped
from reward_fn.judges.pointwise import SCORES, PointwiseVerdict, format_pointwise
from reward_fn.lint import Trial, paid_by_row, payments
from reward_fn.lint_answers import EMPTY, GOLD, Response
from reward_fn.loading import RewardConfigError, load_attribute
from rm_train.launch.checks.problem import ConfigError, Problem, listing, settle
from rm_train.launch.checks.reward import problems_of

_KEY = "reward.custom_reward_function"
_LOOKED_AT = 1000
"""How many rows of the training data the tried ones are chosen from."""
WRONG, GARBAGE = "wrong", (EMPTY, "prose", "truncated")
"""The kinds of answers that hold no verdict."""
REASON = "The answer does a part of what was asked."
"""What every verdict here gives for its reason."""
_SCORES = {"A": (4, 2), "B": (2, 4), "tie": (3, 3)}

_PREFERRING: Mapping[str, Callable[[Preference], Any]] = {
    "pairwise": lambda preference: PairwiseVerdict(preference, REASON),
    "bracketed": lambda preference: PairwiseVerdict(preference, REASON),
    "boxed": lambda preference: PairwiseVerdict(preference, REASON),
    "letter": lambda preference: PairwiseVerdict(preference, REASON),
    "checklist": lambda preference: ChecklistVerdict(preference, (REASON,)),
    "graded": lambda preference: GradedVerdict(-2 if preference == "A" else 2, REASON),
    "json_scores": lambda preference: JsonScores(*_SCORES[preference], 2 if preference == "A" else 5, REASON),
    "listed_pair": lambda preference: ListedScores(_SCORES[preference], REASON),
    "two_scores": lambda preference: TwoScores(*_SCORES[preference], REASON),
}


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
        if paid[GOLD] <= paid["wrong"]:
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
    tried = [(row, response) for row in rows for response in verdicts(row.row)]
    results = _results(config, [replace(row.row, answer=response.text) for row, response in tried])
    return [
        Tried(
            place=f"{row.place} (target {row.row.ground_truth})",
            kind=response.kind,
            paid=(paid := score_in(result)),
            failure="no score" if paid is None else "",
            text=response.text,
            expected=response.expected,
            result=result,
        )
        for (row, response), result in zip(tried, results, strict=True)
    ]


def _results(config: DictConfig, rows: Sequence[Row]) -> list[object]:
    """Return the result of the configured reward for each row, or the exception that it raised."""
    settings = config.reward.custom_reward_function
    kwargs = dict(settings.get("reward_kwargs") or {})
    try:
        function = load_attribute(settings.path, settings.name or "")
    except RewardConfigError as error:
        raise ConfigError(listing(problems_of(error, _KEY))) from error
    if settings.path == OURS:
        # The reward manager asks the scorer, without the function between them.
        return loop.run(_scores(kwargs, rows))
    values = ((row.data_source, row.answer, row.ground_truth, dict(row.extra_info)) for row in rows)
    return asyncio.run(_called(function, [{**dict(zip(ARGUMENTS, some, strict=True)), **kwargs} for some in values]))


async def _called(function: Callable[..., Any], calls: Sequence[Mapping[str, object]]) -> list[object]:
    return [*await asyncio.gather(*(call(function, one) for one in calls), return_exceptions=True)]


async def _scores(kwargs: Mapping[str, object], rows: Sequence[Row]) -> list[object]:
    scorer = scorer_of(kwargs)
    found = await asyncio.gather(*(scorer.score(row) for row in rows), return_exceptions=True)
    return [one.numbers if isinstance(one, Scored) else one for one in found]


def _keys(trial: Tried) -> list[str]:
    return sorted(trial.result) if isinstance(trial.result, Mapping) else ["a number"]


def _problem(found: Sequence[str], fix: str) -> Problem:
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return Problem(_KEY, found[0] + more, fix)


def off_scale(row: Row) -> tuple[str, str] | None:
    """Return what is wrong with a row's ground truth and what it should be, or None."""
    form = row.extra_info.get("form")
    known = list(map(str, SCORES)) if form is None else [one for one in PREFERENCES if FORMS[form].ties or one != "tie"]
    if str(row.ground_truth) in known:
        return None
    wanted = f"a score from {SCORES[0]} to {SCORES[-1]}" if form is None else f"one of {', '.join(known)}"
    return f"reward_model.ground_truth is {row.ground_truth!r}", wanted


def verdicts(row: Row) -> list[Response]:
    """Return one verdict of each kind on a row: the gold, a wrong one, and those of `GARBAGE`."""
    form = row.extra_info.get("form")
    gold, wrong = _ratings(int(str(row.ground_truth))) if form is None else _preferences(form, row.ground_truth)
    garbage = zip(GARBAGE, ("", REASON, gold[: len(gold) // 2]), strict=True)
    others = [(WRONG, wrong), *garbage]
    return [Response(GOLD, gold, "right"), *(Response(kind, text, "wrong") for kind, text in others)]


def _ratings(target: int) -> tuple[str, str]:
    farthest = max(SCORES, key=lambda score: abs(score - target))
    return format_pointwise(PointwiseVerdict(target, REASON)), format_pointwise(PointwiseVerdict(farthest, REASON))


def _preferences(form: str, target: Any) -> tuple[str, str]:  # noqa: ANN401 - whatever a row holds
    other: Preference = "B" if target == "tie" else swapped(target)  # to some, a tie is a victory of the first
    write = FORMS[form].write
    return write(_PREFERRING[form](target)), write(_PREFERRING[form](other))
