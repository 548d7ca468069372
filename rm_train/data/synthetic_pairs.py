"""The embedded **synthetic** pairs: two answers to each prompt of the synthetic set, in the shape of HelpSteer2's.

The better answer is the one that does more of the four things asked for, so it is computable, but only by reading all
three texts. Neither place nor length tells it: of four pairs that are no ties, one has each of A better and longer,
A better and shorter, B better and longer, and B better and shorter, in an order that is drawn; half of the longer
answers also have a sentence more. Nor does the number of kinds of things that an answer names, asked for or not, except
where the better one does three or four things more.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from reward_fn.judges.pairwise import STRENGTHS
from rm_train.data.synthetic import REQUIREMENTS, SENTENCES, named_kinds, read_facts, write_answer, write_prompts

_COUNTS = range(REQUIREMENTS + 1)
_MOST_HIDDEN = 2
"""How many things more the better answer may do so that the other one can name as many kinds: two are not asked for."""
_LONGER_BY_A_SENTENCE = 0.5
_WHO = {(True, True): "both", (True, False): "A", (False, True): "B", (False, False): "none"}
_DONE = {who: done for done, who in _WHO.items()}
_CASES = [(best, longest) for best in range(2) for longest in range(2)]


def generate_pairs(prompts: int, seed: int, tie_share: float) -> Iterator[dict[str, Any]]:
    """Yield a pair of answers to each of `prompts` prompts, in the shape of HelpSteer2's preferences.

    No prompt is repeated. The same seed gives the same rows on every machine.

    Args:
        prompts: How many.
        seed: Another seed gives other prompts and answers.
        tie_share: The share of pairs whose answers do the same number of things.
    """
    rng = random.Random(seed)
    cases: list[tuple[int, int]] = []
    for prompt, kinds in write_prompts(rng, prompts):
        if rng.random() < tie_share:
            counts, longest = [rng.choice(_COUNTS)] * 2, rng.randrange(2)
        else:
            cases = cases or rng.sample(_CASES, len(_CASES))
            best, longest = cases.pop()
            counts = sorted(rng.sample(_COUNTS, 2), reverse=best == 0)
        yield _pair(prompt, _answers(rng, kinds, counts, longest))


def _answers(rng: random.Random, kinds: list[str], counts: list[int], longest: int) -> list[str]:
    """Write answers that do these numbers of things, until the one at the place `longest` has more characters.

    Both name as many kinds of things, if that can be.
    """
    few, many = ([number] for number in SENTENCES)
    lengths = [rng.choice((few, many))] * 2
    if rng.random() < _LONGER_BY_A_SENTENCE:
        lengths = [many, few] if longest == 0 else [few, many]
    hidden = abs(counts[0] - counts[1]) <= _MOST_HIDDEN
    while True:
        answers = [write_answer(rng, kinds, *wanted) for wanted in zip(counts, lengths, strict=True)]
        if len(answers[longest]) <= len(answers[1 - longest]):
            continue
        if not hidden or len(set(named_kinds(answers[0]))) == len(set(named_kinds(answers[1]))):
            return answers


def _pair(prompt: str, answers: list[str]) -> dict[str, Any]:
    """Compare two answers by reading the texts: the strength is the difference of what they do, as far as it goes."""
    first, second = (sum(read_facts(prompt, answer).values()) for answer in answers)
    return {
        "prompt": prompt,
        "response_1": answers[0],
        "response_2": answers[1],
        "preference_strength": max(STRENGTHS[0], min(STRENGTHS[-1], second - first)),
    }


def write_pair_reason(facts: tuple[dict[str, bool], dict[str, bool]]) -> str:
    """Write the facts of both answers as a judge's reason, such as `city both, day B, food none`."""
    first, second = facts
    return ", ".join(f"{kind} {_WHO[first[kind], second[kind]]}" for kind in first)


def read_pair_reason(reason: str) -> tuple[dict[str, bool], dict[str, bool]] | None:
    """Read what `write_pair_reason` writes; None if it is anything else, or names a thing twice."""
    parts = [part.split(" ") for part in reason.split(", ")]
    if any(len(part) != 2 or part[1] not in _DONE for part in parts) or len({part[0] for part in parts}) < len(parts):
        return None
    return {kind: _DONE[who][0] for kind, who in parts}, {kind: _DONE[who][1] for kind, who in parts}
