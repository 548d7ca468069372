"""The embedded **synthetic** data set: HelpSteer2's exact shape, from a seeded generator, for machines without data.

Each prompt asks for four things (name a city, ask a question, …); an answer does some of them. Helpfulness is the
number of things done, so the true score is computable, but only by reading both texts: answers also hold things that
nobody asked for, and their number of sentences does not depend on the score.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

REQUIREMENTS = 4
"""Things asked for in one prompt; helpfulness counts those that the answer does."""

SENTENCES = range(REQUIREMENTS, REQUIREMENTS + 2)
"""How many sentences an answer may have."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """One kind of thing a prompt can ask for.

    Attributes:
        asks: The wordings of the request.
        words: What fulfils it; no word belongs to two kinds.
        sentences: Where such a word stands in an answer, beside the sentences that all kinds share.
    """

    asks: tuple[str, ...]
    words: tuple[str, ...]
    sentences: tuple[str, ...]


KINDS: dict[str, Requirement] = {
    "city": Requirement(
        ("Name a city.", "Mention some city."),
        ("Paris", "Rome", "Oslo", "Cairo"),
        ("People in {} know this.", "We came here from {}."),
    ),
    "color": Requirement(
        ("Name a color.", "Mention some color."),
        ("red", "blue", "green", "yellow"),
        ("The door there is {}.", "Most of it looks {}."),
    ),
    "animal": Requirement(
        ("Name an animal.", "Mention some animal."),
        ("a fox", "a horse", "an owl", "a rabbit"),
        ("I once met {} there.", "You may see {}."),
    ),
    "food": Requirement(
        ("Name a food.", "Mention some food."),
        ("bread", "rice", "soup", "cheese"),
        ("They all ate {} there.", "You can taste {}."),
    ),
    "day": Requirement(
        ("Name a day.", "Mention some day."),
        ("Monday", "Tuesday", "Thursday", "Friday"),
        ("We go there every {}.", "Come back on {}."),
    ),
    "price": Requirement(
        ("Name a price.", "Mention some price."),
        ("5 dollars", "20 dollars", "9 euros", "40 euros"),
        ("One visit costs {}.", "We paid {} for it."),
    ),
}

_TOPICS = ("my garden", "our trip", "the party", "a picnic", "the new shop", "our school", "the museum", "a long walk")
_TASKS = ("Write about {}.", "Tell me about {}.", "Talk about {}.", "Describe {}.")
_SHARED_SENTENCES = ("It reminds me of {}.", "First I recall {}.", "Then there is {}.")
_FILLERS = ("home", "luck", "music", "a lot", "the rest", "old days")
_FILLER_SENTENCES = ("We talked about {}.", "I still enjoy {} now.")
_FILLER_SHARE = 0.4


@dataclass(frozen=True, slots=True)
class SyntheticRow:
    """One rated answer in HelpSteer2's shape; every rating is an integer from 0 to 4."""

    prompt: str
    response: str
    helpfulness: int
    correctness: int
    coherence: int
    complexity: int
    verbosity: int


_KIND_OF_ASK = {ask: kind for kind, requirement in KINDS.items() for ask in requirement.asks}
_KIND_OF_WORD = {word: kind for kind, requirement in KINDS.items() for word in requirement.words}
_ANY_WORD = re.compile(r"\b(" + "|".join(sorted(map(re.escape, _KIND_OF_WORD), key=len, reverse=True)) + r")\b")
_ANY_ASK = re.compile("|".join(map(re.escape, _KIND_OF_ASK)))


def named_kinds(text: str) -> list[str]:
    """Return the kinds of the things that a text names, in its order and as often as it names them."""
    return [_KIND_OF_WORD[word] for word in _ANY_WORD.findall(text)]


def read_facts(prompt: str, response: str) -> dict[str, bool]:
    """Return, for each thing the prompt asks for and in its order, whether the response does it.

    This is the definition of the true score (`sum(facts.values())`): it reads nothing but the two texts.
    """
    done = set(named_kinds(response))
    return {kind: kind in done for kind in (_KIND_OF_ASK[ask] for ask in _ANY_ASK.findall(prompt))}


def write_reason(facts: dict[str, bool]) -> str:
    """Write facts as a judge's reason, such as `city yes, day no`."""
    return ", ".join(f"{kind} {'yes' if met else 'no'}" for kind, met in facts.items())


def rate(prompt: str, response: str) -> SyntheticRow:
    """Rate a response by reading both texts.

    Helpfulness counts the things done; correctness counts those of the first two, twice; coherence is 4 less the
    sentences about things nobody asked for; complexity counts the kinds of things in the answer; verbosity counts
    sentences beyond the second. Each is cut to 0..4.
    """
    facts = read_facts(prompt, response)
    done = named_kinds(response)
    stray = sum(kind not in facts for kind in done)
    sentences = response.count(".")
    return SyntheticRow(
        prompt=prompt,
        response=response,
        helpfulness=sum(facts.values()),
        correctness=2 * sum(list(facts.values())[:2]),
        coherence=max(0, 4 - stray),
        complexity=min(4, len(set(done))),
        verbosity=min(4, max(0, sentences - 2)),
    )


def generate_rows(prompts: int, seed: int) -> Iterator[SyntheticRow]:
    """Yield two rated answers to each of `prompts` prompts, one after the other as HelpSteer2 has them.

    No prompt is repeated. The same seed gives the same rows on every machine.
    """
    rng = random.Random(seed)
    for prompt, kinds in write_prompts(rng, prompts):
        for _ in range(2):
            count = rng.choices(range(REQUIREMENTS + 1), weights=(18, 20, 22, 22, 18))[0]
            yield rate(prompt, write_answer(rng, kinds, count))


def write_prompts(rng: random.Random, number: int) -> Iterator[tuple[str, list[str]]]:
    """Yield so many prompts, none of them twice, each with the kinds of things that it asks for in its order."""
    seen: set[str] = set()
    while len(seen) < number:
        kinds = rng.sample(list(KINDS), REQUIREMENTS)
        prompt = " ".join([rng.choice(_TASKS).format(rng.choice(_TOPICS)), *(rng.choice(KINDS[k].asks) for k in kinds)])
        if prompt in seen:
            continue
        seen.add(prompt)
        yield prompt, kinds


def write_answer(rng: random.Random, asked: list[str], count: int, lengths: Sequence[int] = SENTENCES) -> str:
    """Write an answer that does `count` of the things asked, in one of these numbers of sentences."""
    met = rng.sample(asked, count)
    others = [kind for kind in KINDS if kind not in asked]
    sentences = [_sentence(rng, kind) for kind in met]
    length = rng.choice(lengths)
    while len(sentences) < length:
        sentences.append(_sentence(rng, None if rng.random() < _FILLER_SHARE else rng.choice(others)))
    rng.shuffle(sentences)
    return " ".join(sentences)


def _sentence(rng: random.Random, kind: str | None) -> str:
    """Write a sentence that does a thing of this kind, or that does nothing anybody could ask for."""
    words: tuple[str, ...] = _FILLERS if kind is None else KINDS[kind].words
    sentences: tuple[str, ...] = _FILLER_SENTENCES if kind is None else KINDS[kind].sentences
    return rng.choice(sentences + _SHARED_SENTENCES).format(rng.choice(words))


def as_dict(row: SyntheticRow) -> dict[str, Any]:
    """Return a row as HelpSteer2 writes it."""
    return {name: getattr(row, name) for name in SyntheticRow.__slots__}
