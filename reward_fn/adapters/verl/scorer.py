"""Scores rows as verl wants it: the same finite numbers for every answer, and a named policy for failures."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from omegaconf import OmegaConf

from reward_fn.adapters.rows import Row
from reward_fn.adapters.verl.settings import DEFAULT_ROUTE, Settings
from reward_fn.base import BaseReward
from reward_fn.loading import RewardConfigError
from reward_fn.schema import (
    DataSample,
    Failure,
    FailureKind,
    RewardDimensionWithScore,
    RewardError,
    RewardResult,
)

OWN_KEYS = ("score", "failed", "seconds", "route", "truncated")
"""What no part may be called: our own numbers of a sample."""


@dataclass(frozen=True, slots=True)
class Scored:
    """What a row's answer got.

    Attributes:
        numbers: For verl: `score`, the parts, `failed` (0 or 1) and `seconds`; with several routes `route` too, the
            place of the row's reward among them, from 0. Parts of other routes, and all parts of a failed sample, are
            0.
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
        self.parts = tuple(dict.fromkeys(part for reward in settings.rewards.values() for part in _parts(reward)))
        if taken := set(self.parts) & set(OWN_KEYS):
            raise RewardConfigError([("parts", f"{sorted(taken)[0]!r} is a name of ours; give the part another")])
        self._routes = {route: float(index) for index, route in enumerate(settings.rewards)}

    async def score(self, row: Row) -> Scored:
        """Score a row's answer.

        Raises:
            RewardError: There is no score, and the policy is to raise or to drop the group.
        """
        start = time.perf_counter()
        try:
            reward, sample = self._prepared(row)
            (result,) = await reward.ascore(sample)
        except RewardError as error:
            result = RewardResult.failed("", error.failure)
        return self._scored(row, result, time.perf_counter() - start)

    def score_sync(self, row: Row) -> Scored:
        """Do as `score`, in a thread."""
        start = time.perf_counter()
        try:
            reward, sample = self._prepared(row)
            (result,) = reward.score(sample)
        except RewardError as error:
            result = RewardResult.failed("", error.failure)
        return self._scored(row, result, time.perf_counter() - start)

    def _prepared(self, row: Row) -> tuple[BaseReward, DataSample]:
        rewards = self.settings.rewards
        reward = rewards.get(row.data_source) or rewards.get(DEFAULT_ROUTE)
        if reward is None:
            told = f"there is no route for the data_source {row.data_source!r}; there are {list(rewards)}"
            raise RewardError(FailureKind.BAD_INPUT, told)
        return reward, self.settings.fields.sample(row)

    def _scored(self, row: Row, result: RewardResult, seconds: float) -> Scored:
        numbers = dict.fromkeys(self.parts, 0.0)
        score = result.score
        if score is None:
            failure = result.failure or Failure(FailureKind.CRASH, False, "the reward gave neither score nor failure")
            placeholder = self.settings.placeholder
            if placeholder is None:
                raise RewardError(failure.kind, failure.detail, retriable=failure.retriable)
            numbers |= {"score": placeholder, "failed": 1.0}
        else:
            found = {part.name: part.score for part in result.details if isinstance(part, RewardDimensionWithScore)}
            numbers |= {name: float(found[name]) for name in self.parts if name in found}
            numbers |= {"score": float(score), "failed": 0.0}
        if len(self._routes) > 1:
            numbers["route"] = self._routes.get(row.data_source, self._routes.get(DEFAULT_ROUTE, -1.0))
        return Scored(numbers | {"seconds": seconds}, result)


def _parts(reward: BaseReward) -> tuple[str, ...]:
    return () if reward.part_names == (reward.name,) else reward.part_names


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
