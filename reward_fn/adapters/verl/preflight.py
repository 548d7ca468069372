"""A reward, tried on answers whose order is known before hours are spent on what it pays.

Training rows with a right answer are scored as in the run, with three answers each: the right one, an empty one, and
the right one of another row. A reward that cannot tell them apart looks, in a run, like a model that does not learn.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from omegaconf import DictConfig
from rich.markup import escape

from reward_fn import loop
from reward_fn.adapters.rows import Row
from reward_fn.adapters.verl.gold import PreflightSettings
from reward_fn.adapters.verl.known_answers import EMPTY, GOLD, OTHER, Case, cases, rows_by_route
from reward_fn.adapters.verl.scorer import Scored, Scorer
from reward_fn.adapters.verl.settings import DEFAULT_ROUTE, FailurePolicy
from reward_fn.adapters.verl.training_rows import TrainingRow, out_of_reach
from reward_fn.adapters.verl.trials import Trial, paid_by_row, payments
from reward_fn.loading import RewardConfigError
from reward_fn.schema import Failure, RewardError, RewardResult

if TYPE_CHECKING:
    from rich.console import Console

_KWARGS = "reward.custom_reward_function.reward_kwargs"
_FIX = (
    f"correct the reward, or say in {_KWARGS}.preflight what a right answer looks like (gold, template) "
    "or which routes to try; preflight=false tries none"
)
_CALLED = {EMPTY: "an empty answer", OTHER: "the right answer of another row"}
_MARGIN = 1e-9


def preflight(config: DictConfig, scorer: Scorer, console: Console) -> None:
    """Let a few training rows of each route go through its reward, and print what it pays.

    Nothing is tried where the settings say so, nor where no right answers are known, which a line then tells.

    Args:
        config: verl's config.
        scorer: Its rewards, of `scorer_of(reward_kwargs)`.
        console: Where the tables go.

    Raises:
        RewardConfigError: A right answer has no reward, or right answers do not get more, on average, than empty ones
            and than those of other rows; or the training data cannot be read. Each problem names its key and its fix.
    """
    settings = scorer.settings.preflight
    if settings is None:
        return
    if reason := out_of_reach(config):
        console.print(f"preflight left out: {reason}", soft_wrap=True, markup=False)
        return
    problems = list(_unknown_routes(settings, scorer))
    for route, rows in rows_by_route(config, list(scorer.settings.rewards), settings.rows).items():
        if route not in scorer.settings.rewards:
            told = f"{rows[0].place} is of the data_source {route!r}, which has no route"
            problems.append((f"{_KWARGS}.routes", f"{told}; write one for it, or a default"))
        elif settings.routes is None or route in settings.routes:
            problems += _of_route(route, rows, settings, scorer, console)
    if problems:
        raise RewardConfigError(problems)


def _unknown_routes(settings: PreflightSettings, scorer: Scorer) -> Iterator[tuple[str, str]]:
    there = list(scorer.settings.rewards)
    for route in settings.routes or ():
        if route not in there:
            yield f"{_KWARGS}.preflight.routes", f"{route!r} is no route; there are {there}"


def _of_route(
    route: str, rows: Sequence[TrainingRow], settings: PreflightSettings, scorer: Scorer, console: Console
) -> Iterator[tuple[str, str]]:
    """Try the reward of a route, print what it pays, and yield what is wrong with that."""
    alone = route == DEFAULT_ROUTE and len(scorer.settings.rewards) == 1
    key, name = (_KWARGS, "the reward") if alone else (f"{_KWARGS}.routes.{route}", f"the reward of {route}")
    tried = cases(rows, settings, scorer.settings.fields.reference)
    if not tried:
        yield from _nothing_to_try(rows, settings, name, console)
        return
    trials = loop.run(_try_all(tried, scorer))
    console.print(payments(trials, name))
    if problem := _unpaid(trials) or _disordered(trials):
        yield key, f"{problem}; {_FIX}"
    else:
        _warn(trials, scorer.settings.on_failure, console)


def _nothing_to_try(
    rows: Sequence[TrainingRow], settings: PreflightSettings, name: str, console: Console
) -> Iterator[tuple[str, str]]:
    """Say why a reward is not tried; it is a problem if a place was named and nothing is there."""
    if rows and settings.gold is not None:
        there = f"extra_info has {sorted(rows[0].row.extra_info)}"
        yield f"{_KWARGS}.preflight.gold", f"no row of {name} has a text or a number at {settings.gold}; {there}"
        return
    fix = f"to name its place, write {_KWARGS}.preflight.gold"
    why = f"no row tells its right answer; {fix}" if rows else "the first training rows have none for it"
    console.print(f"preflight left out for {name}: {why}", soft_wrap=True, markup=False)


async def _try_all(tried: Sequence[Case], scorer: Scorer) -> list[Trial]:
    found = await asyncio.gather(*(_try(case, number, scorer) for number, case in enumerate(tried)))
    return [trial for trials in found for trial in trials]


async def _try(case: Case, number: int, scorer: Scorer) -> list[Trial]:
    """Score the answers of a case: each by itself, or all in one comparison where the reward compares."""
    rows = {kind: replace(case.row, answer=answer) for kind, answer in case.answers.items()}
    if scorer.compares(case.row):
        # Each kind comes first in turn: a judge that likes the first answer best is not taken for a good one.
        kinds = list(rows)
        kinds = kinds[number % len(kinds) :] + kinds[: number % len(kinds)]
        results = await scorer.compare([rows[kind] for kind in kinds])
        outcomes = {kind: _compared(rows[kind], result, scorer) for kind, result in zip(kinds, results, strict=True)}
    else:
        outcomes = dict(zip(rows, await asyncio.gather(*(_scored(row, scorer) for row in rows.values())), strict=True))
    return [_trial(case.place, kind, outcomes[kind], scorer.settings.on_failure) for kind in rows]


def _compared(row: Row, result: RewardResult, scorer: Scorer) -> Scored | Failure:
    try:
        return scorer.scored(row, result)
    except RewardError as error:
        return error.failure


async def _scored(row: Row, scorer: Scorer) -> Scored | Failure:
    try:
        return await scorer.score(row)
    except RewardError as error:
        return error.failure


def _trial(place: str, kind: str, outcome: Scored | Failure, policy: FailurePolicy) -> Trial:
    if isinstance(outcome, Failure):
        return Trial(place, kind, None, _told(outcome))
    failure = outcome.result.failure
    # What takes the place of a score counts if it is known: the constant, but not the mean of a group.
    known = failure is None or policy != "group_mean"
    return Trial(place, kind, outcome.numbers["score"] if known else None, _told(failure) if failure else "")


def _told(failure: Failure) -> str:
    return f"{failure.kind.value}: {failure.detail}"


def _warn(trials: Sequence[Trial], policy: FailurePolicy, console: Console) -> None:
    """Name answers that have no reward and that a policy may well write; right ones without one are a problem."""
    for kind, called in _CALLED.items():
        if failed := [trial for trial in trials if trial.kind == kind and trial.failure]:
            then = f"on_failure={policy} decides" if isinstance(policy, str) else f"it is paid {policy.constant:g}"
            told = f"{failed[0].place}: {called} has no reward ({failed[0].failure}); in the run {then}"
            console.print(f"[yellow]warning:[/yellow] {escape(told)}", soft_wrap=True)


def _unpaid(trials: Sequence[Trial]) -> str:
    """Name a right answer without a reward, if there is one."""
    failed = [trial for trial in trials if trial.kind == GOLD and trial.failure]
    more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
    return f"{failed[0].place}: the right answer has no reward: {failed[0].failure}{more}" if failed else ""


def _disordered(trials: Sequence[Trial]) -> str:
    """Name the kinds of answers that are paid as much as right ones, on average over the rows that have both."""
    found = []
    for kind, called in _CALLED.items():
        pairs = [(paid[GOLD], paid[kind]) for paid in paid_by_row(trials).values() if {GOLD, kind} <= paid.keys()]
        gold, other = (sum(paid) / len(pairs) for paid in zip(*pairs, strict=True)) if pairs else (1.0, 0.0)
        if gold - other < _MARGIN:
            found.append(f"{called} is paid {other:.3g} on average, and the row's own right answer {gold:.3g}")
    return "; ".join(found)
