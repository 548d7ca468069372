"""What OpenRLHF asks (texts of prompt and answer together, prompts, labels), scored, and put as it wants it."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

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
from reward_fn.schema import DataSample, Failure, FailureKind, RewardError, RewardResult

END_TOKENS = (
    *("<|im_end|>", "<|endoftext|>", "<|end_of_text|>", "<|eot_id|>", "<|end|>", "<|return|>"),
    *("<end_of_turn>", "<eos>", "</s>", "<\uff5cend\u2581of\u2581sentence\uff5c>"),
)
"""What ends an answer in the texts of common models; OpenRLHF keeps special tokens."""


class ScoringFailedError(Exception):
    """Answers have no score, and the policy is to say so.

    Attributes:
        failures: Why, by the place of the answer in the request.
    """

    def __init__(self, failures: Mapping[int, Failure], answers: int) -> None:
        self.failures = dict(failures)
        kinds = Counter(failure.kind.value for failure in failures.values())
        told = ", ".join(f"{count} x {kind}" for kind, count in kinds.items())
        first = next(iter(failures.values())).detail
        super().__init__(f"{len(failures)} of {answers} answers have no score ({told}); the first: {first}")


@dataclass(frozen=True, slots=True)
class Scored:
    """What some answers got.

    Attributes:
        rewards: For each answer the number that it is trained on.
        scores: For each answer the number by which OpenRLHF's dynamic filtering goes.
        logs: More numbers for each answer, by the names of OpenRLHF's metrics; the same names for all requests.
        failures: Why answers have no score, by their places.
    """

    rewards: list[float]
    scores: list[float]
    logs: dict[str, list[float]]
    failures: dict[int, Failure]


class Scorer:
    """A reward for OpenRLHF's questions.

    Args:
        reward: The reward; see `Described`. It must score one answer at a time, as OpenRLHF asks.
        on_failure: `raise`, or `constant:X`: a failed answer gets the number X, and is counted as failed.
        fields: Where a sample's fields stand: the label is `ground_truth`, and if it is a mapping, `ground_truth.KEY`
            leads into it; the prompt, as the chat template has made it, is `prompt`.
        data_source: What samples have for their source.
        end_tokens: Special tokens that may end an answer and do not belong to it.
        scores: The part whose scores dynamic filtering goes by; by default the reward itself.

    Raises:
        RewardConfigError: There is no such reward, part or policy, or the reward compares answers.
    """

    def __init__(
        self,
        reward: Described,
        *,
        on_failure: str = "raise",
        fields: SampleFields | None = None,
        data_source: str = "",
        end_tokens: Sequence[str] = END_TOKENS,
        scores: str | None = None,
    ) -> None:
        self.reward = described_reward(reward)
        if compares := comparing(self.reward):
            problem = f"{compares.name} compares answers ({compares.scoring_pattern}), and OpenRLHF asks for each alone"
            raise RewardConfigError([("reward", f"{problem}; choose a pointwise reward")])
        self._placeholder = None if on_failure == "raise" else _constant(on_failure)
        self._fields = fields or SampleFields()
        self._data_source = data_source
        self._end_tokens = tuple(filter(None, end_tokens))
        self._parts = part_names(self.reward)
        if scores is not None and scores not in self._parts:
            raise RewardConfigError([("scores", f"there is no part {scores!r}; there are {list(self._parts)}")])
        self._scores = scores

    def score(self, queries: Sequence[str], prompts: Sequence[str], labels: Sequence[object]) -> Scored:
        """Score answers.

        Args:
            queries: For each answer the text of the prompt and of the answer.
            prompts: For each answer its prompt.
            labels: For each answer the label of its row.

        Raises:
            ScoringFailedError: Answers have no score, and the policy is to raise.
            ValueError: There are not as many of one as of the others.
        """
        start = time.perf_counter()
        results = score_units(self.reward, self._units(queries, prompts, labels))
        return self._told(results, time.perf_counter() - start)

    async def ascore(self, queries: Sequence[str], prompts: Sequence[str], labels: Sequence[object]) -> Scored:
        """Do as `score`, without blocking the event loop where the reward waits."""
        start = time.perf_counter()
        results = await ascore_units(self.reward, self._units(queries, prompts, labels))
        return self._told(results, time.perf_counter() - start)

    def _units(self, queries: Sequence[str], prompts: Sequence[str], labels: Sequence[object]) -> list[Unit]:
        asked = zip(queries, prompts, labels, strict=True)
        return [unit(partial(self._sample, *one), 1) for one in asked]

    def _sample(self, query: str, prompt: str, label: object) -> DataSample:
        # Without a label_key OpenRLHF passes an empty text.
        reference = None if label == "" else label
        return self._fields.sample(Row(self._data_source, self._answer(query, prompt), reference, prompt=prompt))

    def _answer(self, query: str, prompt: str) -> str:
        if not query.startswith(prompt):
            told = f"the text does not start with its prompt, which may have been cut: {query[:80]!r}"
            raise RewardError(FailureKind.BAD_INPUT, told)
        answer = query[len(prompt) :]
        while (stripped := answer.rstrip()).endswith(self._end_tokens):
            end = next(token for token in self._end_tokens if stripped.endswith(token))
            answer = stripped.removesuffix(end)
        return answer

    def _told(self, results: Sequence[RewardResult], seconds: float) -> Scored:
        failures = {
            place: failure for place, result in enumerate(results) if (failure := failure_in(result)) is not None
        }
        rewards: list[float] = []
        for result in results:
            number = self._placeholder if result.score is None else result.score
            if number is None:
                raise ScoringFailedError(failures, len(results))
            rewards.append(float(number))
        parts = [part_scores(result) for result in results]
        logs = {f"reward/{name}": [one.get(name, 0.0) for one in parts] for name in self._parts}
        logs["reward/failed"] = [float(place in failures) for place in range(len(results))]
        logs["reward/seconds"] = [seconds] * len(results)
        return Scored(rewards, logs[f"reward/{self._scores}"] if self._scores else rewards, logs, failures)


def _constant(on_failure: str) -> float:
    word, _, number = on_failure.partition(":")
    try:
        constant = float(number) if word == "constant" else math.nan
    except ValueError:
        constant = math.nan
    if not math.isfinite(constant):
        raise RewardConfigError([("on_failure", f"write raise, or constant:X with a number, not {on_failure!r}")])
    return constant
