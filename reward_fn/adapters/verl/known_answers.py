"""Which training rows a preflight tries, and with which answers: their order must be known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from omegaconf import DictConfig

from reward_fn.adapters.rows import Place, Row, value_at
from reward_fn.adapters.verl.gold import PreflightSettings, gold_answer
from reward_fn.adapters.verl.settings import DEFAULT_ROUTE
from reward_fn.adapters.verl.training_rows import TrainingRow, training_rows

GOLD, EMPTY, OTHER = "gold", "empty", "another row's gold"
_POOL = 64
"""How many rows of a route are looked at, at least, for right answers that differ."""


@dataclass(frozen=True, slots=True)
class Case:
    """A row and the answers to try on it, by their kinds.

    Attributes:
        place: What to call the row.
        row: The row, without an answer.
        answers: `GOLD` and `EMPTY`; and `OTHER`, where a row with another right answer was found.
    """

    place: str
    row: Row
    answers: Mapping[str, str]


def rows_by_route(config: DictConfig, routes: Sequence[str], count: int) -> dict[str, list[TrainingRow]]:
    """Return the first training rows of each route.

    Args:
        config: verl's config.
        routes: The names of the routes.
        count: How many rows will be tried.

    Returns:
        For each route `count` rows or some more, as far as they are there. Rows that no route takes stand under their
        data source.

    Raises:
        RewardConfigError: The training data cannot be read.
    """
    size = max(_POOL, count)
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


def cases(rows: Sequence[TrainingRow], settings: PreflightSettings, reference: Place) -> list[Case]:
    """Return what to try for the first rows that have a right answer.

    Args:
        rows: The rows of a route.
        settings: How many cases to make, and what right answers look like.
        reference: Where the reward finds what it compares with.

    Returns:
        No more cases than the settings say; none if no row has a right answer.
    """
    known = [(row, gold) for row in rows if (gold := gold_answer(row.row, settings)) is not None]
    made = []
    for row, gold in known[: settings.rows]:
        result = value_at(row.row, reference)
        # Two ways in other words may lead to one result, and be right for both rows.
        others = (
            answer
            for one, answer in known
            if answer.strip() != gold.strip() and (result is None or result != value_at(one.row, reference))
        )
        other = next(others, None)
        made.append(Case(row.place, row.row, {GOLD: gold, EMPTY: ""} | ({} if other is None else {OTHER: other})))
    return made
