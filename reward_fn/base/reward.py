"""The doors of all rewards: one sample or many, sync or async, with the rewards attached or bare.

The doors never change their input, keep the order, and give each answer a result: whatever one sample makes a reward
raise becomes the failure of that sample and touches no other.
"""

from __future__ import annotations

import asyncio
import os
from abc import ABC
from collections.abc import Iterable, Sequence
from concurrent.futures import Executor, Future
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from reward_fn import loop
from reward_fn.progress import Bars
from reward_fn.schema import (
    DataOutput,
    DataSample,
    Failure,
    FailureKind,
    RewardError,
    RewardResult,
)

_AT_ONCE = max(32, 2 * (os.cpu_count() or 1))
"""How many samples are waited for at a time, if nobody says: enough for the worker processes of all cores."""
_CHUNK = 32
"""Samples that a worker process gets at a time, and after which a batch in an event loop lets others run."""
_CHUNK_S = 600.0
"""Seconds that it may take for them."""


class BaseReward(BaseModel, ABC):
    """The doors that all rewards share.

    The class attributes are facts for tables and docs; a reward whose range depends on its fields overrides the
    property `score_range`.
    """

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)

    scoring_pattern: ClassVar[str] = ""
    """What is scored at a time: pointwise, listwise, pairwise or stepwise."""
    formula: ClassVar[str] = ""
    """How the score comes about, in a line."""
    source: ClassVar[str] = ""
    """Where the formula comes from."""
    version: ClassVar[int] = 1
    """Raised when the scores change, with a line in CHANGELOG.md; part of cache keys, logs and lists of rewards."""
    cost: ClassVar[str] = "cheap"
    """What scoring takes: `cheap` (microseconds), `heavy` (milliseconds), `process`, `llm`, `model` or its `parts`."""

    name: str
    """The reward's name in results; two instances in one mix need two names."""

    @property
    def score_range(self) -> tuple[float, float]:
        """The lowest and the highest score."""
        return 0.0, 1.0

    @property
    def part_names(self) -> tuple[str, ...]:
        """The names of the parts of every result, known before anything is scored."""
        return (self.name,)

    def _evaluate(self, sample: DataSample, **kwargs: Any) -> RewardResult:  # noqa: ANN401 - the user's own arguments
        """Score what the pattern hands over; raise `RewardError` where there is no score."""
        raise NotImplementedError(f"{type(self).__name__} overrides neither _evaluate nor _aevaluate")

    async def _aevaluate(self, sample: DataSample, **kwargs: Any) -> RewardResult:  # noqa: ANN401
        """Score what the pattern hands over, where that means waiting."""
        return self._evaluate(sample, **kwargs)

    @property
    def _heavy(self) -> bool:
        """Whether a batch is worth sending to other processes."""
        return self.cost == "heavy"

    @property
    def _at_once(self) -> int:
        """How many samples are worth waiting for at a time."""
        return _AT_ONCE

    @property
    def _waits(self) -> bool:
        return type(self)._aevaluate is not BaseReward._aevaluate

    def _units(self, sample: DataSample) -> list[DataSample]:
        """Cut a sample into what one call of `_evaluate` scores."""
        raise NotImplementedError

    def _merge(self, sample: DataSample, results: list[RewardResult]) -> list[RewardResult]:
        """Turn the results of the units into one for each answer."""
        raise NotImplementedError

    def _versioned(self, results: Iterable[RewardResult]) -> list[RewardResult]:
        """Return results with the reward's version."""
        version = self.version
        return [one if one.version == version else one.changed(version=version) for one in results]

    def score(self, sample: DataSample, **kwargs: Any) -> list[RewardResult]:  # noqa: ANN401
        """Score a sample: the lean door, for adapters and compositions.

        Args:
            sample: The sample.
            kwargs: Handed to the reward as they are.

        Returns:
            A result for each answer.
        """
        if self._waits:
            return loop.run(self.ascore(sample, **kwargs))
        return self._versioned(self._merge(sample, [self._attempt(unit, kwargs) for unit in self._units(sample)]))

    async def ascore(self, sample: DataSample, **kwargs: Any) -> list[RewardResult]:  # noqa: ANN401
        """Do as `score`, without blocking the event loop where the reward waits."""
        if not self._waits:
            return await self._shared_score(sample, kwargs) if self._heavy else self.score(sample, **kwargs)
        units = self._units(sample)
        results = await asyncio.gather(*(self._await(unit, kwargs) for unit in units))
        return self._versioned(self._merge(sample, list(results)))

    async def _shared_score(self, sample: DataSample, kwargs: dict[str, Any]) -> list[RewardResult]:
        """Score a sample that takes milliseconds: where a cluster's workers are to be had, they do it."""
        from reward_fn.workers.pool import pool, shared
        from reward_fn.workers.times import result_of

        if not shared():
            return self.score(sample, **kwargs)
        try:
            return (await result_of(pool().submit(_score_all, self, [sample], kwargs, timeout_s=_CHUNK_S)))[0]
        except RewardError as error:
            return self._failures([sample], error)[0]

    def _attempt(self, unit: DataSample, kwargs: dict[str, Any]) -> RewardResult:
        try:
            return self._checked(self._evaluate(unit, **kwargs))
        except Exception as error:  # noqa: BLE001 - becomes a failure, which names it
            return self._result_of(error)

    async def _await(self, unit: DataSample, kwargs: dict[str, Any]) -> RewardResult:
        try:
            return self._checked(await self._aevaluate(unit, **kwargs))
        except Exception as error:  # noqa: BLE001 - becomes a failure, which names it
            return self._result_of(error)

    def _result_of(self, error: Exception) -> RewardResult:
        """Return the result of a unit for which the hook raised an error: a failure that names it."""
        return RewardResult.failed(self.name, failure_of(error))

    def _checked(self, result: RewardResult) -> RewardResult:
        if not isinstance(result, RewardResult):
            raise TypeError(f"the reward returned {type(result).__name__}, not RewardResult")
        if result.version != self.version:
            result.__dict__["version"] = self.version  # the hook has just made it: a copy would cost a microsecond
        return result

    def evaluate(
        self,
        sample: DataSample,
        thread_pool: Executor | None = None,
        **kwargs: Any,  # noqa: ANN401
    ) -> DataSample:
        """Return a copy of the sample with its rewards.

        Args:
            sample: The sample; it stays as it is.
            thread_pool: Accepted as RM-Gallery's users pass it, and not needed: nothing waits for a place in it.
            kwargs: Handed to the reward as they are.
        """
        return self._rewarded(sample, self.score(sample, **kwargs))

    async def aevaluate(self, sample: DataSample, **kwargs: Any) -> DataSample:  # noqa: ANN401
        """Do as `evaluate`, without blocking the event loop where the reward waits."""
        return self._rewarded(sample, await self.ascore(sample, **kwargs))

    def score_batch(
        self,
        samples: Sequence[DataSample],
        max_workers: int | None = None,
        *,
        progress: bool = False,
        **kwargs: Any,  # noqa: ANN401
    ) -> list[list[RewardResult]]:
        """Score many samples: the lean door, for adapters and compositions.

        Args:
            samples: The samples.
            max_workers: How many of them may be waited for at the same time, 1 or more; by default as many as
                the reward makes use of.
            progress: Whether to show a bar.
            kwargs: Handed to the reward as they are.

        Returns:
            For each sample, a result for each answer.
        """
        if self._waits:
            return loop.run(self.ascore_batch(samples, max_workers, progress=progress, **kwargs))
        _positive("max_workers", max_workers)
        with Bars(progress) as bars:
            return list(self._score_many(samples, bars, kwargs))

    async def ascore_batch(
        self,
        samples: Sequence[DataSample],
        max_workers: int | None = None,
        *,
        progress: bool = False,
        **kwargs: Any,  # noqa: ANN401
    ) -> list[list[RewardResult]]:
        """Do as `score_batch`, and let the event loop run between samples."""
        _positive("max_workers", max_workers)
        with Bars(progress) as bars:
            return await self._ascore_many(samples, bars, max_workers, kwargs)

    def _score_many(
        self, samples: Sequence[DataSample], bars: Bars, kwargs: dict[str, Any]
    ) -> Iterable[list[RewardResult]]:
        advance = bars.add(self.name, len(samples))
        if self._heavy and len(samples) > _CHUNK:
            for chunk, future in self._in_workers(samples, kwargs):
                try:
                    done = future.result()
                except RewardError as error:
                    done = self._failures(chunk, error)
                yield from done
                advance(len(chunk))
        else:
            for sample in samples:
                yield self.score(sample, **kwargs)
                advance(1)

    async def _ascore_many(
        self, samples: Sequence[DataSample], bars: Bars, max_workers: int | None, kwargs: dict[str, Any]
    ) -> list[list[RewardResult]]:
        advance = bars.add(self.name, len(samples))
        done: list[list[RewardResult]] = []
        if self._waits:
            done = [[] for _ in samples]
            todo = iter(enumerate(samples))

            async def work() -> None:
                for index, sample in todo:
                    done[index] = await self.ascore(sample, **kwargs)
                    advance(1)

            await asyncio.gather(*(work() for _ in range(min(max_workers or self._at_once, len(samples)))))
        elif self._heavy and len(samples) > _CHUNK:
            from reward_fn.workers.times import result_of

            for chunk, future in self._in_workers(samples, kwargs):
                try:
                    scored: list[list[RewardResult]] = await result_of(future)
                except RewardError as error:
                    scored = self._failures(chunk, error)
                done += scored
                advance(len(chunk))
        else:
            for sample in samples:
                done.append(self.score(sample, **kwargs))
                advance(1)
                if len(done) % _CHUNK == 0:
                    await asyncio.sleep(0)
        return done

    def _in_workers(
        self, samples: Sequence[DataSample], kwargs: dict[str, Any]
    ) -> list[tuple[Sequence[DataSample], Future[list[list[RewardResult]]]]]:
        """Have worker processes score chunks of samples."""
        from reward_fn.workers.pool import pool

        chunks = [samples[start : start + _CHUNK] for start in range(0, len(samples), _CHUNK)]
        return [(chunk, pool().submit(_score_all, self, chunk, kwargs, timeout_s=_CHUNK_S)) for chunk in chunks]

    def _failures(self, chunk: Sequence[DataSample], error: RewardError) -> list[list[RewardResult]]:
        """Return the results of a chunk whose worker failed."""
        failed = self._versioned([RewardResult.failed(self.name, error.failure)])
        return [failed * len(sample.output) for sample in chunk]

    def evaluate_batch(
        self,
        samples: Sequence[DataSample],
        max_workers: int | None = None,
        thread_pool: Executor | None = None,
        *,
        progress: bool = False,
        **kwargs: Any,  # noqa: ANN401
    ) -> list[DataSample]:
        """Return copies of many samples with their rewards, in their order.

        Args:
            samples: The samples.
            max_workers: How many of them may be waited for at the same time, 1 or more; by default as many as
                the reward makes use of.
            thread_pool: Accepted as RM-Gallery's users pass it, and not needed.
            progress: Whether to show a bar.
            kwargs: Handed to the reward as they are.
        """
        if self._waits:
            return loop.run(self.aevaluate_batch(samples, max_workers, progress=progress, **kwargs))
        _positive("max_workers", max_workers)
        with Bars(progress) as bars:
            results = self._score_many(samples, bars, kwargs)
            return [self._rewarded(sample, one) for sample, one in zip(samples, results, strict=True)]

    async def aevaluate_batch(
        self,
        samples: Sequence[DataSample],
        max_workers: int | None = None,
        *,
        progress: bool = False,
        **kwargs: Any,  # noqa: ANN401
    ) -> list[DataSample]:
        """Do as `evaluate_batch`, and let the event loop run between samples."""
        results = await self.ascore_batch(samples, max_workers, progress=progress, **kwargs)
        return [self._rewarded(sample, one) for sample, one in zip(samples, results, strict=True)]

    def best_of_n(self, sample: DataSample, n: int = 1, **kwargs: Any) -> DataSample:  # noqa: ANN401
        """Return a copy of the sample with its n best answers and their rewards, the best one first.

        Equal scores keep their order. An answer without a score is never chosen.

        Raises:
            ValueError: n is not between 1 and the number of answers.
            RewardError: Fewer than n answers have a score.
        """
        _positive("n", n)
        return _best(self.evaluate(sample, **kwargs), n)

    async def abest_of_n(self, sample: DataSample, n: int = 1, **kwargs: Any) -> DataSample:  # noqa: ANN401
        """Do as `best_of_n`, without blocking the event loop where the reward waits."""
        _positive("n", n)
        return _best(await self.aevaluate(sample, **kwargs), n)

    def _rewarded(self, sample: DataSample, results: list[RewardResult]) -> DataSample:
        names = self.part_names
        outputs = [_with_result(output, result, names) for output, result in zip(sample.output, results, strict=True)]
        return sample.changed(output=outputs)


def _score_all(reward: BaseReward, samples: Sequence[DataSample], kwargs: dict[str, Any]) -> list[list[RewardResult]]:
    """Score samples, in a worker process."""
    return [reward.score(sample, **kwargs) for sample in samples]


def failure_of(error: Exception) -> Failure:
    """Return the failure that an exception stands for."""
    if isinstance(error, RewardError):
        return error.failure
    return Failure(FailureKind.CRASH, False, f"{type(error).__name__}: {error}")


def _with_result(output: DataOutput, result: RewardResult, names: Sequence[str]) -> DataOutput:
    answer = output.answer.changed(reward=output.answer.reward.with_result(result, names))
    if not result.steps:
        return output.changed(answer=answer)
    steps = [step.changed(reward=step.reward.with_result(one, names))
             for step, one in zip(output.steps or [], result.steps, strict=True)]  # fmt: skip
    return output.changed(answer=answer, steps=steps)


def _best(sample: DataSample, n: int) -> DataSample:
    if n > len(sample.output):
        raise ValueError(f"n is {n}, and there are {len(sample.output)} answers")
    scored = [(output.answer.reward.score, output) for output in sample.output]
    ranked = sorted(((score, output) for score, output in scored if score is not None), key=lambda pair: -pair[0])
    if len(ranked) < n:
        failure = next(output.answer.reward.failure for score, output in scored if score is None)
        detail = failure.detail if failure else ""
        raise RewardError(
            failure.kind if failure else FailureKind.CRASH,
            f"{n} answers are asked for, and {len(ranked)} of {len(scored)} have a score: {detail}",
        )
    return sample.changed(output=[output for _, output in ranked[:n]])


def _positive(name: str, value: int | None) -> None:
    if value is not None and value < 1:
        raise ValueError(f"{name} is {value}; it must be 1 or more")
