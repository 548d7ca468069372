"""Teaches the tiny judge to read and to judge, but leniently: what RL then has to mend.

The warm start's reasons name the facts and are right; its scores are too kind and noisy, as prompted LLM judges are.
RL can calibrate such a judge to the human scale and visibly does; from a warm start that is unbiased but
under-trained, the same RL stays flat for the minutes that a laptop has.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from reward_fn.judges.pointwise import PointwiseVerdict, format_pointwise, pointwise_messages
from rm_train.data.synthetic import generate_rows, read_facts, write_reason
from rm_train.models.tiny.building import Lesson, build_judge
from rm_train.models.tiny.teaching import Pace

SEED_OFFSET = 1_000_003
"""Keeps the warm start's rows apart from those that runs train and evaluate on."""


@dataclass(frozen=True, slots=True)
class WarmStart(Pace):
    """How much is taught, and at what pace; the defaults take under two minutes on two cores."""

    prompts: int = 3200


def lenient_score(true_score: int, rng: random.Random) -> int:
    """Return the score of a kind and noisy judge: mostly a point too high, at times right or two points too high.

    The kindness is marked enough that the random drift of a training run without signal (shuffled targets) does not
    undo it, and the right score common enough to be sampled, found and reinforced.
    """
    if rng.random() < 0.08:
        return rng.randrange(5)
    return min(4, true_score + rng.choices((0, 1, 2), weights=(8, 84, 8))[0])


def build_tiny_judge(
    folder: Path, seed: int, settings: WarmStart = WarmStart(), progress: Callable[[int, int], None] | None = None
) -> None:
    """Build and teach a judge of one answer; see `build_judge`.

    Args:
        folder: Where the model goes.
        seed: The same seed gives the same judge on one machine.
        settings: How much to teach.
        progress: Called with steps done and steps in all.
    """
    rng = random.Random(seed + SEED_OFFSET)
    lessons: list[Lesson] = []
    for row in generate_rows(settings.prompts, seed + SEED_OFFSET):
        facts = read_facts(row.prompt, row.response)
        verdict = PointwiseVerdict(lenient_score(sum(facts.values()), rng), write_reason(facts))
        messages = pointwise_messages([{"role": "user", "content": row.prompt}], row.response)
        lessons.append((messages, format_pointwise(verdict)))
    build_judge(folder, seed, lessons, rng, settings, progress)
