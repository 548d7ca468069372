"""Better answers by feedback: an answer is scored, its faults are told to a model, which writes another one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

from reward_fn import loop
from reward_fn.judges.llm import OpenaiLLM
from reward_fn.judges.sections import RULE, final_answers_of, format_messages, sections
from reward_fn.loading import AnyReward
from reward_fn.schema import DataOutput, DataSample, FailureKind, MessageRole, RewardError, Step


class LLMRefinement(BaseModel):
    """Rounds of feedback and rewriting that keep the best answer.

    It stops after `max_iterations` rounds, when the score reaches `target` (by default the highest that the reward
    gives), or when the model has nothing new to say.
    """

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)

    reward: AnyReward = Field(description="scores answers one at a time; its reasons are the feedback")
    llm: OpenaiLLM = Field(description="writes the answers")
    max_iterations: int = Field(3, ge=0, description="answers that are written at most")
    target: float | None = Field(None, description="the score that is good enough")

    def run(self, sample: DataSample) -> DataSample:
        """Return the sample with all answers of the last chain, scored, the best one first.

        Args:
            sample: A conversation, with an answer to begin with or none.

        Raises:
            RewardError: There is no first answer with a score.
        """
        return loop.run(self.arun(sample))

    def run_batch(self, samples: Sequence[DataSample]) -> list[DataSample | RewardError]:
        """Refine many samples at a time; one that fails has its error in its place."""
        return loop.run(self.arun_batch(samples))

    async def arun_batch(self, samples: Sequence[DataSample]) -> list[DataSample | RewardError]:
        """Do as `run_batch`, without blocking the event loop."""
        return list(await asyncio.gather(*map(self._attempt, samples)))

    async def _attempt(self, sample: DataSample) -> DataSample | RewardError:
        try:
            return await self.arun(sample)
        except RewardError as error:
            return error

    async def arun(self, sample: DataSample) -> DataSample:
        """Do as `run`, without blocking the event loop."""
        # The prompt may have opened the thought of the response that is given, but not of those that are written here.
        of_written = sample.changed(
            metadata={key: value for key, value in sample.metadata.items() if key != "thought_opened"}
        )
        first = sample if sample.output else of_written.changed(output=[await self._written(sample)])
        done = [await self._scored(first.changed(output=first.output[:1]))]
        if done[0].answer.reward.score is None:
            failure = done[0].answer.reward.failure
            raise RewardError(failure.kind if failure else FailureKind.CRASH, failure.detail if failure else "no score")
        target = self.reward.score_range[1] if self.target is None else self.target
        for _ in range(self.max_iterations):
            best = _best(done)
            if _score(best) >= target:
                break
            shown = first if best is done[0] else of_written
            written = await self._written(shown.changed(output=[best]))
            if written.answer.content in [one.answer.content for one in done]:
                break
            done.append(await self._scored(of_written.changed(output=[written])))
        best = _best(done)
        return sample.changed(output=[best, *(one for one in done if one is not best)])

    async def _scored(self, sample: DataSample) -> DataOutput:
        return (await self.reward.aevaluate(sample)).output[0]

    async def _written(self, before: DataSample) -> DataOutput:
        texts = {"query": format_messages(before.input)}
        task = "Answer the query."
        for output, shown in zip(before.output, final_answers_of(before), strict=True):
            texts["answer"] = shown or ""
            texts["feedback"] = _feedback(output)
            task = "Write a better answer to the query: keep what is good, mend what the feedback names."
        prompt = "\n\n".join([task, RULE.replace("judge", "work on"), sections(texts), "Reply with the answer alone."])
        answer = await self.llm.achat([{"role": "user", "content": prompt}])
        return DataOutput(answer=Step(role=MessageRole.ASSISTANT, content=answer.content))


def _feedback(output: DataOutput) -> str:
    """Return what the reward said of an answer: the score and reason of each part."""
    parts = output.answer.reward.details
    return "\n".join(f"{part.name}: {part.score:g}{f' ({part.reason})' if part.reason else ''}" for part in parts)


def _score(output: DataOutput) -> float:
    score = output.answer.reward.score
    return float("-inf") if score is None else score


def _best(outputs: Sequence[DataOutput]) -> DataOutput:
    return max(outputs, key=_score)
