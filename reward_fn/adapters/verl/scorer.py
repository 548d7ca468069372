"""Scores rows as verl wants it: the same finite numbers for every answer, and a named policy for failures."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any

from omegaconf import OmegaConf

from reward_fn.adapters.rows import Row
from reward_fn.adapters.scoring import failure_in, part_scores
from reward_fn.adapters.verl.settings import DEFAULT_ROUTE, Settings
from reward_fn.base import BaseReward, reference_text
from reward_fn.judges.llm.priority import priority
from reward_fn.loading import RewardConfigError
from reward_fn.schema import FailureKind, RewardError, RewardResult
from reward_fn.store import counted_lookups

OWN_KEYS = ("score", "failed", "failure_kind", "seconds", "cached", "route", "truncated")
"""What no part may be called: our own numbers of a sample."""
KINDS = tuple(FailureKind)
"""What `failure_kind` counts, from 1."""


@dataclass(frozen=True, slots=True)
class Scored:
    """What a row's answer got.

    Attributes:
        numbers: For verl: `score`, the parts, `failed` (0 or 1), `failure_kind` (0, or the place in `KINDS` from 1),
            `seconds`, and `cached` (the share of the caches' look-ups that found something, 0 to 1); with several
            routes `route` too, the place of the row's reward among them, from 0. Parts of other routes, and all parts
            of a failed sample, are 0.
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

    def compares(self, row: Row) -> bool:
        """Return whether the reward of a row compares it with its siblings."""
        route = row.data_source if row.data_source in self.settings.rewards else DEFAULT_ROUTE
        return route in self.settings.comparing

    async def score(self, row: Row) -> Scored:
        """Score a row's answer.

        Raises:
            RewardError: There is no score, and the policy is to raise or to drop the group.
        """
        return await self._score_by(self._reward(row), row)

    async def score_lone(self, row: Row) -> Scored:
        """Score an answer whose reward compares, and that has no others; raises as `score`."""
        group = self.settings.group
        if not group.against_reference:
            return await self._score_by(group.alone, row)
        start = time.perf_counter()
        try:
            reference = reference_text(self.settings.fields.sample(row))
            result, _ = await self.compare([row, replace(row, answer=reference)])
        except RewardError as error:
            result = RewardResult.failed("", error.failure)
        return self.scored(row, result, time.perf_counter() - start, cached_share(result))

    async def _score_by(self, reward: BaseReward | None, row: Row) -> Scored:
        start = time.perf_counter()
        with counted_lookups() as lookups, _urgency(row):
            try:
                (result,) = await _there(reward, row, self.settings).ascore(self.settings.fields.sample(row))
            except RewardError as error:
                result = RewardResult.failed("", error.failure)
        return self.scored(row, result, time.perf_counter() - start, lookups.share)

    def score_sync(self, row: Row) -> Scored:
        """Do as `score`, in a thread."""
        start = time.perf_counter()
        with counted_lookups() as lookups, _urgency(row):
            try:
                (result,) = _there(self._reward(row), row, self.settings).score(self.settings.fields.sample(row))
            except RewardError as error:
                result = RewardResult.failed("", error.failure)
        return self.scored(row, result, time.perf_counter() - start, lookups.share)

    async def compare(self, rows: Sequence[Row]) -> list[RewardResult]:
        """Return a result for each of several answers to one prompt, which are judged together.

        In its `extra_data` stands, as `cached`, the share of look-ups that found something.
        """
        with counted_lookups() as lookups, _urgency(rows[0]):
            try:
                samples = [self.settings.fields.sample(row) for row in rows]
                group = samples[0].changed(output=[sample.output[0] for sample in samples])
                results = await _there(self._reward(rows[0]), rows[0], self.settings).ascore(group)
            except RewardError as error:
                results = [RewardResult.failed("", error.failure)] * len(rows)
        return [result.changed(extra_data={**result.extra_data, "cached": lookups.share}) for result in results]

    def scored(self, row: Row, result: RewardResult, seconds: float, cached: float = 0.0) -> Scored:
        """Return a result in numbers.

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
            numbers["route"] = self._routes.get(row.data_source, self._routes.get(DEFAULT_ROUTE, -1.0))
        return Scored(numbers | {"seconds": seconds, "cached": cached}, result)

    def _reward(self, row: Row) -> BaseReward | None:
        rewards = self.settings.rewards
        return rewards.get(row.data_source) or rewards.get(DEFAULT_ROUTE)


def _urgency(row: Row) -> AbstractContextManager[None]:
    """Let the judges' requests of validation wait for those of training, where the rows say what they are of."""
    return priority("training" if row.extra_info.get("split", "train") == "train" else "validation")


def _there(reward: BaseReward | None, row: Row, settings: Settings) -> BaseReward:
    if reward is None:
        told = f"there is no route for the data_source {row.data_source!r}; there are {list(settings.rewards)}"
        raise RewardError(FailureKind.BAD_INPUT, told)
    return reward


def cached_share(result: RewardResult) -> float:
    """Return the share of look-ups that found something, of a result of `Scorer.compare`."""
    return float(result.extra_data.get("cached", 0.0))


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
