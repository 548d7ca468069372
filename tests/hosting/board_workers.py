"""What reward workers do, in processes of their own: they score rows, and report; and an actor that answers nobody."""

import asyncio
import os
import time

from reward_fn.adapters.rows import Row
from reward_fn.adapters.verl.scorer import scorer_of
from reward_fn.hosting import board
from reward_fn.hosting.board import reporter

EVERY_S, GONE_S = 0.2, 3.0


class Scoring:
    """A process that scores."""

    def __init__(self, **kwargs):
        hosting = {"board": {"every_s": EVERY_S, "gone_s": GONE_S}}
        self.scorer = scorer_of({"reward": "string_match", "on_failure": {"constant": 0}, "hosting": hosting, **kwargs})

    def process(self):
        return os.getpid()

    async def score(self, right, wrong=0, failed=0, texts=("4", "5", "4")):
        asked = {"question": "2+2?"}
        good, bad, gold = texts
        rows = [
            *[Row("a", good, gold, asked)] * right,
            *[Row("a", bad, gold, asked)] * wrong,
            *[Row("a", good, None, asked)] * failed,
        ]
        return [one.numbers for one in await asyncio.gather(*map(self.scorer.score, rows))]

    async def wait(self, count, seconds):
        """Score answers that take long."""
        from reward_fn.schema import RewardResult

        async def slow():
            await asyncio.sleep(seconds)
            return RewardResult.of("string_match", 1.0)

        return len(await asyncio.gather(*(self.scorer.score_by(Row("a", "4", "4"), slow()) for _ in range(count))))

    def step(self):
        return reporter().step()

    def impatient(self):
        board._STEP_S = 0.3

    def failures(self):
        return reporter().failures


class Busy:
    def status(self):
        time.sleep(60)


class Mute:
    """An actor of a version that told nothing of itself."""
