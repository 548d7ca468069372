"""Rewards whose value can be told from the answer's bytes, each of which needs a part that the cluster hosts.

The runs name them in their configs, and verl's workers import them.
"""

from __future__ import annotations

import re
import time
import zlib
from typing import Any

from verl.experimental.agent_loop.agent_loop import AgentLoopOutput, register
from verl.experimental.agent_loop.single_turn_agent_loop import SingleTurnAgentLoop

from reward_fn import OpenaiLLM
from reward_fn.base import BaseListWiseReward, BasePointWiseReward, answer_text
from reward_fn.judges.llm.completion import UnusableError
from reward_fn.schema import DataSample, RewardDimensionWithRank, RewardResult
from reward_fn.workers.pool import pool
from reward_fn.workers.times import result_of

LEVELS = 5
WORK_S = 0.5
"""What a job of a worker process takes."""
LIMIT_S = 30.0
_ANSWER = re.compile(r"<answer>(.*?)</answer>", re.DOTALL)


def digest(text: str) -> int:
    """Return a number of a text, from 0 to `LEVELS` - 1."""
    return zlib.crc32(text.encode()) % LEVELS


def worth(text: str) -> float:
    """Return what an answer is worth, from 0 to 1."""
    return digest(text) / (LEVELS - 1)


def marked(*texts: str) -> list[dict[str, str]]:
    """Return the question about some answers."""
    return [{"role": "user", "content": "".join(f"<answer>{text}</answer>" for text in texts)}]


def reply(prompt: str) -> str:
    """Return the judge's reply: the number of each answer in the prompt."""
    return " ".join(str(digest(text)) for text in _ANSWER.findall(prompt))


class JudgedReward(BasePointWiseReward):
    """What a judge behind an endpoint says."""

    name: str = "judged"
    llm: OpenaiLLM

    async def _aevaluate(self, sample: DataSample, **kwargs: object) -> RewardResult:
        number = await self.llm.aask(marked(answer_text(sample)), lambda completion: int(completion.text))
        return RewardResult.of(self.name, number / (LEVELS - 1))


class RankedReward(BaseListWiseReward):
    """What a judge says that sees all answers to a prompt in one request."""

    name: str = "ranked"
    llm: OpenaiLLM

    async def _aevaluate(self, sample: DataSample, **kwargs: object) -> RewardResult:
        texts = [output.answer.content for output in sample.output]
        numbers = await self.llm.aask(marked(*texts), lambda completion: list(map(int, completion.text.split())))
        return RewardResult(
            name=self.name,
            details=[
                RewardDimensionWithRank(
                    name=self.name, rank=[number / (LEVELS - 1) for number in numbers], reason=f"{len(texts)} answers"
                )
            ],
        )


class HostedReward(BasePointWiseReward):
    """What the words are worth that a hosted model says to an answer; with a seed, it says the same every time."""

    name: str = "hosted"
    llm: OpenaiLLM

    async def _aevaluate(self, sample: DataSample, **kwargs: object) -> RewardResult:
        return RewardResult.of(self.name, worth(await said(self.llm, answer_text(sample))))


async def said(llm: OpenaiLLM, text: str) -> str:
    """Return what a model says to an answer, be it nothing."""
    try:
        return (await llm.acomplete(marked(text))).text
    except UnusableError:
        return ""


class WorkedReward(BasePointWiseReward):
    """What a worker process says."""

    name: str = "worked"

    async def _aevaluate(self, sample: DataSample, **kwargs: object) -> RewardResult:
        return RewardResult.of(self.name, await result_of(pool().submit(work, answer_text(sample), timeout_s=LIMIT_S)))


def work(text: str) -> float:
    """Take a while, and return what an answer is worth."""
    time.sleep(WORK_S)
    return worth(text)


@register("loses_a_sibling")
class LosesASibling(SingleTurnAgentLoop):  # type: ignore[misc]
    """Answers to one prompt break off before they are scored: every second one to row 1."""

    async def run(
        self,
        sampling_params: dict[str, Any],
        **kwargs: Any,  # noqa: ANN401
    ) -> AgentLoopOutput:
        """Do as verl's own, or break off."""
        output = await super().run(sampling_params, **kwargs)
        if kwargs["extra_info"]["index"] == 1 and kwargs["session_id"] % 2:
            raise ConnectionError("the rollout of this answer broke off")
        return output
