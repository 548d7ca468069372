"""Teaches the tiny judge to compare two answers, with the usual biases of LLM judges: what RL then has to mend.

The warm start's reasons say rightly which answer does what; its preferences lean to the answer that is shown first and
to the longer one. It is not always so: where it forgets a bias now and then, RL finds and reinforces that.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from reward_fn.judges.pairwise import PREFERENCES, PairwiseVerdict, Preference, format_pairwise, pairwise_messages
from rm_train.data.synthetic import read_facts
from rm_train.data.synthetic_pairs import generate_pairs, write_pair_reason
from rm_train.models.tiny.building import Lesson, build_judge
from rm_train.models.tiny.teaching import Pace
from rm_train.models.tiny.warm_start import SEED_OFFSET

_FIRST = 2
"""So many things more the first answer seems to do; the longer one seems to do one more."""
_BIASED = 0.8
"""How often each of the two biases counts."""
_RANDOM = 0.05
"""How often the preference is any of the three."""


@dataclass(frozen=True, slots=True)
class PairWarmStart(Pace):
    """How much is taught, and at what pace."""

    prompts: int = 1600
    tie_share: float = 0.125


def biased_preference(done: tuple[int, int], lengths: tuple[int, int], rng: random.Random) -> Preference:
    """Return the preference of a judge to whom the first and the longer answer seem to do more than they do.

    Args:
        done: How many things each answer does.
        lengths: Their lengths, in characters.
        rng: When it is biased.
    """
    if rng.random() < _RANDOM:
        return rng.choice(PREFERENCES)
    margin = done[0] - done[1]
    if rng.random() < _BIASED:
        margin += _FIRST
    if rng.random() < _BIASED:
        margin += (lengths[0] > lengths[1]) - (lengths[0] < lengths[1])
    return "A" if margin > 0 else "B" if margin < 0 else "tie"


def build_tiny_pair_judge(
    folder: Path,
    seed: int,
    settings: PairWarmStart = PairWarmStart(),
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Build and teach a judge of two answers; see `build_judge`.

    Args:
        folder: Where the model goes.
        seed: The same seed gives the same judge on one machine.
        settings: How much to teach.
        progress: Called with steps done and steps in all.
    """
    rng = random.Random(seed + SEED_OFFSET)
    lessons: list[Lesson] = []
    for pair in generate_pairs(settings.prompts, seed + SEED_OFFSET, settings.tie_share):
        prompt, first, second = pair["prompt"], pair["response_1"], pair["response_2"]
        for a, b in ((first, second), (second, first)):
            facts = read_facts(prompt, a), read_facts(prompt, b)
            done = sum(facts[0].values()), sum(facts[1].values())
            preference = biased_preference(done, (len(a), len(b)), rng)
            messages = pairwise_messages([{"role": "user", "content": prompt}], a, b)
            lessons.append((messages, format_pairwise(PairwiseVerdict(preference, write_pair_reason(facts)))))
    build_judge(folder, seed, lessons, rng, settings, progress)
