"""Scores rows as verl wants it: the same finite numbers for every answer, and a named policy for failures."""

from __future__ import annotations

import json
import threading
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import Any

from omegaconf import OmegaConf

from reward_fn.adapters.rows import Row
from reward_fn.adapters.scoring import failure_in, part_scores, versions
from reward_fn.adapters.verl.measured import Measured, measured, took_by, with_share
from reward_fn.adapters.verl.settings import DEFAULT_ROUTE, Settings
from reward_fn.base import BaseReward, reference_text
from reward_fn.hosting.tally import Key, Took, count, in_flight
from reward_fn.judges.llm.priority import priority
from reward_fn.loading import RewardConfigError
from reward_fn.schema import FailureKind, RewardError, RewardResult

MEASURES = ("seconds", "queue_seconds", "work_seconds", "cached", "tokens", "cost", "in_flight")
"""What scoring an answer took."""
OWN_KEYS = ("score", "failed", "failure_kind", "route", "truncated", *MEASURES)
"""What no part may be called: our own numbers of a sample."""
KINDS = tuple(FailureKind)
"""What `failure_kind` counts, from 1."""
_NOTHING = Took()
_NO_ROUTE = "none", "no route"
"""What answers are counted under that no reward is for."""


@dataclass(frozen=True, slots=True)
class Scored:
    """What a row's answer got.

    Attributes:
        numbers: For verl: `score`, the parts, `failed` (0 or 1), `failure_kind` (0, or the place in `KINDS` from 1),
            and what it took: `seconds` from the call to the result, `queue_seconds` and `work_seconds` of it (see
            `Took`), `cached` (the share of the caches' look-ups that found something, 0 to 1), `tokens`, `cost` in
            dollars, and `in_flight` (the answers that the process scored when this one began, itself included). With
            several routes `route` too, the place of the row's reward among them, from 0. Parts of other routes, and
            all parts of a failed sample, are 0.
        result: The reward's own words.
    """

    numbers: dict[str, float]
    result: RewardResult


class Scorer:
    """The rewards of a config, at work.

    Attributes:
        settings: What the config says.
        parts: The names of the parts of every sample, in order: those of all routes. A reward that is its own only
            part has none beside the score.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.parts = tuple(dict.fromkeys(part for parts in settings.parts.values() for part in parts))
        if taken := set(self.parts) & set(OWN_KEYS):
            raise RewardConfigError([("parts", f"{sorted(taken)[0]!r} is a name of ours; give the part another")])
        self._routes = {route: float(index) for index, route in enumerate(settings.rewards)}
        alone = {} if settings.group.alone is None else versions(settings.group.alone)
        self._versions = {route: versions(reward) | alone for route, reward in settings.rewards.items()}
        self._keys: dict[str, Key] = {route: (reward.name, route) for route, reward in settings.rewards.items()}

    def compares(self, row: Row) -> bool:
        """Return whether the reward of a row compares it with its siblings."""
        return self._route(row) in self.settings.comparing

    def versions(self, row: Row) -> dict[str, int]:
        """Return the versions of the rewards of a row, by their names."""
        return self._versions.get(self._route(row), {})

    async def score(self, row: Row) -> Scored:
        """Score a row's answer.

        Raises:
            RewardError: There is no score, and the policy is to raise or to drop the group.
        """
        return await self.score_by(row, self._result(self._reward(row), row))

    async def score_by(self, row: Row, result: Awaitable[RewardResult]) -> Scored:
        """Do as `score`, with a result that comes from elsewhere."""
        with self._at_work(row) as (at_work, measures):
            try:
                found = await result
            except RewardError as error:
                found = RewardResult.failed("", error.failure)
        return self._counted(row, found, measures, at_work)

    def score_sync(self, row: Row) -> Scored:
        """Do as `score`, in a thread."""
        with self._at_work(row) as (at_work, measures):
            try:
                (found,) = _there(self._reward(row), row, self.settings).score(self.settings.fields.sample(row))
            except RewardError as error:
                found = RewardResult.failed("", error.failure)
        return self._counted(row, found, measures, at_work)

    async def lone(self, row: Row) -> RewardResult:
        """Return the result of an answer whose reward compares, and that has no others.

        Raises:
            RewardError: It cannot be scored.
        """
        group = self.settings.group
        if not group.against_reference:
            return await self._result(group.alone, row)
        reference = reference_text(self.settings.fields.sample(row))
        if row.thought_opened:
            # The two are read alike, and a response to this prompt begins inside the thought.
            reference = f"</think>{reference}"
        result, _ = await self._results([row, replace(row, answer=reference)])
        return result

    async def compare(self, rows: Sequence[Row]) -> list[RewardResult]:
        """Return a result for each of several answers to one prompt, which are judged together.

        Each says its share of what that took; see `took_by`.
        """
        with measured() as measures, _urgency(rows[0]):
            try:
                results = await self._results(rows)
            except RewardError as error:
                results = [RewardResult.failed("", error.failure)] * len(rows)
        return [with_share(result, measures.took, len(rows)) for result in results]

    async def _result(self, reward: BaseReward | None, row: Row) -> RewardResult:
        (result,) = await _there(reward, row, self.settings).ascore(self.settings.fields.sample(row))
        return result

    async def _results(self, rows: Sequence[Row]) -> list[RewardResult]:
        samples = [self.settings.fields.sample(row) for row in rows]
        group = samples[0].changed(output=[sample.output[0] for sample in samples])
        return await _there(self._reward(rows[0]), rows[0], self.settings).ascore(group)

    @contextmanager
    def _at_work(self, row: Row) -> Iterator[tuple[int, Measured]]:
        with in_flight(self._key(row)) as at_work, measured() as measures, _urgency(row):
            yield at_work, measures

    def _counted(self, row: Row, result: RewardResult, measures: Measured, at_work: int) -> Scored:
        took, failure = took_by(result, measures.took), failure_in(result)
        count(self._key(row), took, failure.kind.value if failure else None)
        return self.scored(row, result, took, at_work)

    def scored(self, row: Row, result: RewardResult, took: Took = _NOTHING, at_work: int = 0) -> Scored:
        """Return a result in numbers.

        Args:
            row: The row.
            result: What its answer got.
            took: What that took.
            at_work: How many answers the process scored meanwhile, this one included.

        Raises:
            RewardError: It has no score, and the policy is to raise or to drop the group.
        """
        numbers = dict.fromkeys(self.parts, 0.0)
        if failure := failure_in(result):
            placeholder = self.settings.placeholder
            if placeholder is None:
                raise RewardError(failure.kind, failure.detail, retriable=failure.retriable)
            numbers |= {"score": placeholder, "failed": 1.0, "failure_kind": float(KINDS.index(failure.kind) + 1)}
        else:
            found = part_scores(result)
            numbers |= {name: found[name] for name in self.parts if name in found}
            numbers |= {"score": float(result.score or 0.0), "failed": 0.0, "failure_kind": 0.0}
        if len(self._routes) > 1:
            numbers["route"] = self._routes.get(self._route(row), -1.0)
        share = took.found / took.asked if took.asked else 0.0
        measures = took.seconds, took.queue_s, took.work_s, share, took.tokens, took.cost, at_work
        return Scored(numbers | dict(zip(MEASURES, map(float, measures), strict=True)), result)

    def _route(self, row: Row) -> str:
        return row.data_source if row.data_source in self.settings.rewards else DEFAULT_ROUTE

    def _key(self, row: Row) -> Key:
        return self._keys.get(self._route(row), _NO_ROUTE)

    def _reward(self, row: Row) -> BaseReward | None:
        return self.settings.rewards.get(self._route(row))


def _urgency(row: Row) -> AbstractContextManager[None]:
    """Let the judges' requests of validation wait for those of training, where the rows say what they are of."""
    return priority("training" if row.extra_info.get("split", "train") == "train" else "validation")


def _there(reward: BaseReward | None, row: Row, settings: Settings) -> BaseReward:
    if reward is None:
        told = f"there is no route for the data_source {row.data_source!r}; there are {list(settings.rewards)}"
        raise RewardError(FailureKind.BAD_INPUT, told)
    return reward


_lock = threading.Lock()
_scorers: dict[str, Scorer] = {}
_last: tuple[list[Any], Scorer] | None = None


def scorer_of(kwargs: Mapping[str, Any]) -> Scorer:
    """Return the scorer of some `reward_kwargs`: made at the first call in a process, and the same one ever after.

    Raises:
        RewardConfigError: They describe no reward.
    """
    global _last
    pieces = [piece for pair in kwargs.items() for piece in pair]
    last = _last
    # verl hands over the same objects with every sample; comparing them spares writing them out each time.
    if last is not None and len(last[0]) == len(pieces) and all(a is b for a, b in zip(last[0], pieces, strict=True)):
        return last[1]
    plain = OmegaConf.to_container(OmegaConf.create(dict(kwargs)), resolve=True)
    key = json.dumps(plain, sort_keys=True)
    with _lock:
        if key not in _scorers:
            assert isinstance(plain, dict)
            _scorers[key] = Scorer(Settings.read(plain))  # type: ignore[arg-type] # its keys are texts
        _last = pieces, _scorers[key]
        return _scorers[key]
