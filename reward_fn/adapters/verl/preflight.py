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
from reward_fn.adapters.rows import Row, value_at
from reward_fn.adapters.verl.scorer import Scored, Scorer
from reward_fn.adapters.verl.settings import DEFAULT_ROUTE, GOLD_PLACES, FailurePolicy, PreflightSettings
from reward_fn.adapters.verl.training_rows import TrainingRow, out_of_reach, training_rows
from reward_fn.lint import LintReport, Pay, Trial, examine, paid_by_row, payments, reading
from reward_fn.lint_answers import (
    EMPTY,
    GOLD,
    OTHER,
    SLOT,
    LintRow,
    Response,
    filled,
    has_tests,
    known_answers,
    other_golds,
    short_gold,
)
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
_POOL = 64
"""The number of rows of a route that are looked at, at least, for right answers that differ."""


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
    for route, rows in _rows_by_route(config, scorer).items():
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
    key, name = _called(route, scorer)
    tried = _cases(rows, settings, scorer)
    if not tried:
        yield from _nothing_to_try(rows, settings, name, console)
        return
    trials = loop.run(_try_all(tried, scorer))
    console.print(payments(trials, name))
    if problem := _unpaid(trials) or _disordered(trials):
        yield key, f"{problem}; {_FIX}"
    else:
        _warn(trials, scorer.settings.on_failure, console)


def lint_routes(config: DictConfig, scorer: Scorer, console: Console) -> Iterator[tuple[str, LintReport]]:
    """Lint the reward of each route that the preflight tries, on the same rows, and yield its key and the report.

    Rewards that compare responses or ask an LLM are left out, which is printed: both would be asked hundreds of times.

    Raises:
        RewardConfigError: The training data cannot be read.
    """
    settings = scorer.settings.preflight
    if settings is None or out_of_reach(config):
        return
    for route, rows in _rows_by_route(config, scorer).items():
        reward = scorer.settings.rewards.get(route)
        if reward is None or not rows or (settings.routes is not None and route not in settings.routes):
            continue
        (key, name), facts = _called(route, scorer), reading(reward)
        if facts.llm or route in scorer.settings.comparing:
            why = "asks an LLM" if facts.llm else "compares responses"
            console.print(f"{name} {why}: rm-train lint-reward tries more than the preflight", soft_wrap=True)
            continue
        template = None if settings.template == SLOT else settings.template
        lint_rows = [_lint_row(row, settings, scorer) for row in rows]
        known = [row for row in lint_rows if row.gold is not None] or lint_rows
        yield key, loop.run(examine(_pay(scorer), known[: settings.rows], facts, template=template))


def _rows_by_route(config: DictConfig, scorer: Scorer) -> dict[str, list[TrainingRow]]:
    """Return the first training rows of each route; rows that no route takes stand under their data source."""
    routes, settings = list(scorer.settings.rewards), scorer.settings.preflight
    size = max(_POOL, settings.rows if settings else 0)
    pools: dict[str, list[TrainingRow]] = {route: [] for route in routes}
    for row in training_rows(config):
        source = row.row.data_source
        route = source if source in routes or DEFAULT_ROUTE not in routes else DEFAULT_ROUTE
        pool = pools.setdefault(route, [])
        if len(pool) < size:
            pool.append(row)
        elif all(len(pool) == size for pool in pools.values()):
            break
    return pools


def _called(route: str, scorer: Scorer) -> tuple[str, str]:
    """Return the key of a route's reward, and its name in messages."""
    alone = route == DEFAULT_ROUTE and len(scorer.settings.rewards) == 1
    return (_KWARGS, "the reward") if alone else (f"{_KWARGS}.routes.{route}", f"the reward of {route}")


def _gold(row: Row, settings: PreflightSettings) -> str | None:
    """Return the right answer of a row; None if the row has none as a text or a number."""
    for place in GOLD_PLACES if settings.gold is None else (settings.gold,):
        found = value_at(row, place)
        if isinstance(found, str | int | float) and not isinstance(found, bool) and str(found).strip():
            return str(found)
    return None


def _cases(
    rows: Sequence[TrainingRow], settings: PreflightSettings, scorer: Scorer
) -> list[tuple[LintRow[Row], list[Response]]]:
    """Return the first rows that have a right answer, as the policy is to write it, with the responses to try."""
    place = scorer.settings.fields.reference
    known = [
        LintRow(row.place, row.row, filled(settings.template, gold), value_at(row.row, place))
        for row in rows
        if (gold := _gold(row.row, settings)) is not None
    ]
    return [
        (row, known_answers(row.gold or "", other_golds(known, at))) for at, row in enumerate(known[: settings.rows])
    ]


def _lint_row(row: TrainingRow, settings: PreflightSettings, scorer: Scorer) -> LintRow[Row]:
    """Return a row with its right answer as short as it is known."""
    reference = value_at(row.row, scorer.settings.fields.reference)
    code = has_tests({**row.row.extra_info, "reference": reference})
    named = _gold(row.row, settings) if settings.gold is not None else None if code else reference
    conversation = scorer.settings.fields.sample(row.row).input
    prompt = conversation[-1].content if conversation else ""
    return LintRow(row.place, row.row, short_gold(named), reference, prompt if isinstance(prompt, str) else "", code)


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


async def _try_all(tried: Sequence[tuple[LintRow[Row], list[Response]]], scorer: Scorer) -> list[Trial]:
    found = await asyncio.gather(*(_try(row, some, number, scorer) for number, (row, some) in enumerate(tried)))
    return [trial for trials in found for trial in trials]


async def _try(row: LintRow[Row], responses: list[Response], number: int, scorer: Scorer) -> list[Trial]:
    """Score the responses to a row: each by itself, or all in one comparison where the reward compares."""
    if scorer.compares(row.row):
        # Each kind comes first in turn: a judge that likes the first answer best is not taken for a good one.
        turn = number % len(responses)
        responses = responses[turn:] + responses[:turn]
        rows = [replace(row.row, answer=response.text) for response in responses]
        results = await scorer.compare(rows)
        outcomes = [_compared(one, result, scorer) for one, result in zip(rows, results, strict=True)]
    else:
        rows = [replace(row.row, answer=response.text) for response in responses]
        outcomes = list(await asyncio.gather(*(_scored(one, scorer) for one in rows)))
    policy = scorer.settings.on_failure
    return [
        Trial(row.place, response.kind, *_paid(outcome, policy), response.text, response.expected)
        for response, outcome in zip(responses, outcomes, strict=True)
    ]


def _pay(scorer: Scorer) -> Pay[Row]:
    """Return a function that scores responses as the run does."""

    async def pay(tries: Sequence[tuple[LintRow[Row], str]]) -> list[tuple[float | None, str]]:
        rows = [replace(row.row, answer=text) for row, text in tries]
        outcomes = await asyncio.gather(*(_scored(row, scorer) for row in rows))
        return [_paid(outcome, scorer.settings.on_failure) for outcome in outcomes]

    return pay


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


def _paid(outcome: Scored | Failure, policy: FailurePolicy) -> tuple[float | None, str]:
    """Return what verl would train on, if it is known, and why the reward itself gave no score."""
    if isinstance(outcome, Failure):
        return None, _told(outcome)
    failure = outcome.result.failure
    # What takes the place of a score counts if it is known: the constant, but not the mean of a group.
    known = failure is None or policy != "group_mean"
    return outcome.numbers["score"] if known else None, _told(failure) if failure else ""


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
