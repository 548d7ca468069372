"""Any reward of the gallery as a reward function of TRL's `GRPOTrainer` and `RLOOTrainer`.

    GRPOTrainer(..., reward_funcs=[TrlReward("mix.yaml", fields=SampleFields(reference="extra_info.solution"))])

TRL is not imported: it calls us with the prompts, the completions and the columns of the data set. An answer without a
score gets None, and TRL 1.6 and later leaves it out of its group's mean and gives it no advantage; earlier versions
count it as 0. Several functions side by side are added up, and one that fails counts as 0 in the sum: make one reward
of them (`weighted_sum`), which fails as a whole.
"""

from __future__ import annotations

import logging
import math
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any

from reward_fn.adapters.rows import Row, SampleFields
from reward_fn.adapters.scoring import (
    Described,
    Unit,
    ascore_units,
    comparing,
    described_reward,
    failure_in,
    part_names,
    part_scores,
    score_units,
    unit,
)
from reward_fn.loading import RewardConfigError
from reward_fn.schema import DataSample, FailureKind, RewardDimensionWithScore, RewardError, RewardResult

logger = logging.getLogger(__name__)

AsyncRewardFunction = Callable[..., Awaitable[list[float | None]]]

_NO_COLUMNS = ("completion_ids", "environments")
"""Lists that TRL passes beside the columns of the data set."""
_TAKEN = ("mean", "std", "failed", "seconds")
"""What no part may be called: what TRL and we log of every reward."""


class TrlReward:
    """A reward function for TRL. It can be pickled, for trainers that send it to another process.

    Args:
        reward: The reward; see `Described`.
        fields: Where a sample's fields stand: a data set's column is `extra_info.COLUMN`, and the column
            `ground_truth`, if there is one, `ground_truth`.
        data_source: What samples have for their source where there is no column `data_source`.
        num_generations: The answers to a prompt, as in `GRPOConfig`; for rewards that compare answers, which need it.
        num_generations_eval: The same in evaluation, if it is another number.
        name: What TRL calls the reward in its metrics; by default the reward's name.

    Raises:
        RewardConfigError: There is no such reward; it compares answers and `num_generations` is missing; or a part has
            a name that TRL's metrics need.
    """

    def __init__(
        self,
        reward: Described,
        *,
        fields: SampleFields | None = None,
        data_source: str = "",
        num_generations: int | None = None,
        num_generations_eval: int | None = None,
        name: str | None = None,
    ) -> None:
        self._reward = described_reward(reward)
        self.__name__ = name or self._reward.name
        self._fields = fields or SampleFields()
        self._data_source = data_source
        self._parts = part_names(self._reward)
        if taken := set(self._parts) & set(_TAKEN):
            raise RewardConfigError([("parts", f"{sorted(taken)[0]!r} is a name of TRL's or ours; choose another")])
        self._sizes = sorted({size for size in (num_generations, num_generations_eval) if size}, reverse=True)
        compares = comparing(self._reward)
        if compares is None:
            self._sizes = [1]
        elif not self._sizes:
            problem = f"{compares.name} compares the answers to a prompt: write how many there are, as in GRPOConfig"
            raise RewardConfigError([("num_generations", problem)])

    def __call__(
        self,
        prompts: Sequence[Any],
        completions: Sequence[Any],
        **columns: Any,  # noqa: ANN401 - columns of any type, and what TRL adds
    ) -> list[float | None]:
        """Score a batch; what waits (judges, worker processes) is waited for at the same time.

        Args:
            prompts: For each answer its prompt: a text, or messages.
            completions: The answers: texts, or lists of messages of which the last is the answer.
            columns: Of each column of the data set a value for each answer; and TRL's `log_metric`, `log_extra`.

        Returns:
            For each answer its score, or None where there is none.

        Raises:
            ValueError: A column is longer or shorter than the answers are many, or a group is not whole.
        """
        start = time.perf_counter()
        results = score_units(self._reward, self._units(prompts, completions, columns))
        return self._told(results, time.perf_counter() - start, columns)

    def as_async(self) -> AsyncRewardFunction:
        """Return the same as an async function, which TRL waits for together with its other async ones.

        That pays where several functions ask judges. It cannot be pickled.
        """

        async def score(prompts: Sequence[Any], completions: Sequence[Any], **columns: Any) -> list[float | None]:  # noqa: ANN401
            return await self.ascore(prompts, completions, **columns)

        score.__name__ = self.__name__
        return score

    async def ascore(self, prompts: Sequence[Any], completions: Sequence[Any], **columns: Any) -> list[float | None]:  # noqa: ANN401
        """Do as a call, without blocking the event loop where the reward waits."""
        start = time.perf_counter()
        results = await ascore_units(self._reward, self._units(prompts, completions, columns))
        return self._told(results, time.perf_counter() - start, columns)

    def _units(self, prompts: Sequence[Any], completions: Sequence[Any], passed: Mapping[str, Any]) -> list[Unit]:
        columns = {key: value for key, value in passed.items() if isinstance(value, list | tuple)}
        for key in _NO_COLUMNS:
            columns.pop(key, None)
        for key, column in {"prompts": prompts, **columns}.items():
            if len(column) != len(completions):
                raise ValueError(f"{key} has {len(column)} values, and there are {len(completions)} completions")
        size = self._group_size(prompts)

        def sample(start: int) -> DataSample:
            samples = []
            for place in range(start, start + size):
                row = {key: column[place] for key, column in columns.items()}
                samples.append(self._fields.sample(self._row(prompts[place], completions[place], row)))
            return samples[0].changed(output=[output for one in samples for output in one.output])

        return [unit(partial(sample, start), size) for start in range(0, len(completions), size)]

    def _group_size(self, prompts: Sequence[Any]) -> int:
        """Return how many answers to a prompt stand together."""
        for size in self._sizes:
            groups = [prompts[start : start + size] for start in range(0, len(prompts), size)]
            if all(len(group) == size and all(prompt == group[0] for prompt in group) for group in groups):
                return size
        told = " or ".join(map(str, self._sizes))
        raise ValueError(
            f"{self.__name__} compares answers, and the batch of {len(prompts)} is not made of groups of {told} "
            "answers to one prompt each. Either num_generations is not that of the trainer, or a group is spread over "
            "processes: make what a process gets at a time a multiple of num_generations"
        )

    def _row(self, prompt: Any, completion: Any, columns: Mapping[str, Any]) -> Row:  # noqa: ANN401 - texts or messages
        answer = completion
        if not isinstance(completion, str):
            *before, last = completion or [{}]
            answer = last.get("content")
            if last.get("role") != "assistant" or not isinstance(answer, str):
                told = f"a completion ends with a message of role {last.get('role')!r} and {type(answer).__name__}"
                raise RewardError(FailureKind.BAD_INPUT, f"{told}, not with an assistant's text")
            if before:
                prompt = [*([{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt), *before]
        source = str(columns.get("data_source") or self._data_source)
        return Row(source, answer, columns.get("ground_truth"), columns, prompt)

    def _told(self, results: Sequence[RewardResult], seconds: float, passed: Mapping[str, Any]) -> list[float | None]:
        failures = [failure_in(result) for result in results]
        failed = [failure for failure in failures if failure is not None]
        if failed:
            kinds = ", ".join(f"{count} x {kind}" for kind, count in Counter(one.kind.value for one in failed).items())
            told = "%s: %d of %d answers have no score (%s); the first: %s"
            logger.warning(told, self.__name__, len(failed), len(results), kinds, failed[0].detail)
        if log_metric := passed.get("log_metric"):
            # Every process must log the same names, or TRL's processes wait for one another for ever: so a mean of
            # nothing is NaN, which TRL leaves out.
            scored = [part_scores(result) for result in results if result.score is not None]
            for part in self._parts:
                log_metric(f"rewards/{self.__name__}/{part}", _mean([one[part] for one in scored if part in one]))
            log_metric(f"rewards/{self.__name__}/failed", len(failed) / max(len(results), 1))
            log_metric(f"rewards/{self.__name__}/seconds", seconds)
        if log_extra := passed.get("log_extra"):
            log_extra(f"{self.__name__}/reason", [_reason(result) for result in results])
        return [result.score for result in results]


def _mean(numbers: Sequence[float]) -> float:
    return sum(numbers) / len(numbers) if numbers else math.nan


def _reason(result: RewardResult) -> str:
    failure = failure_in(result)
    if failure is not None:
        return f"no score: {failure.kind.value}: {failure.detail}"
    parts = [part for part in result.details if isinstance(part, RewardDimensionWithScore)]
    return "; ".join(f"{part.name}: {part.reason}" for part in parts if part.reason)
