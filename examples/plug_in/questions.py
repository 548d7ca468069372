"""The **synthetic** world of the examples: questions with good answers, and an assistant that answers them sloppily.

RL can only strengthen what a model already does at times. So the sloppy assistant does everything right now and then,
and is often rude, wordy or wrong; each example then rewards something else about its answers.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass

COLORS = {
    "yellow": ("lemon", "banana", "canary"),
    "red": ("cherry", "tomato", "ruby"),
    "green": ("frog", "pea", "cactus"),
    "blue": ("sky", "sea", "sapphire"),
    "white": ("snow", "milk", "swan"),
    "black": ("coal", "raven", "tar"),
    "orange": ("carrot", "pumpkin", "tangerine"),
    "brown": ("chestnut", "cocoa", "walnut"),
}
COUNTS = {
    "legs": {"spider": 8, "dog": 4, "ant": 6, "hen": 2, "crab": 10},
    "wheels": {"car": 4, "bicycle": 2, "tricycle": 3},
    "sides": {"triangle": 3, "square": 4, "hexagon": 6, "octagon": 8},
    "strings": {"violin": 4, "guitar": 6},
    "fingers": {"hand": 5, "glove": 5},
    "hours": {"day": 24},
    "days": {"week": 7, "weekend": 2},
    "months": {"year": 12, "season": 3},
}
POLITE, RUDE = ("Gladly!", "With pleasure!"), ("Obviously.", "Whatever.")
_THINGS = {thing: color for color, things in COLORS.items() for thing in things}
_NUMBERS = sorted({number for things in COUNTS.values() for number in things.values()})
_RIGHT = {"colors": 0.35, "counts": 0.5}
"""How often the sloppy assistant is right."""
_RAMBLING = ("Let me think.", "I like to talk.", "So they say.", "It may rain today.")
_CHAT = ("{} is {}.", "I like {}.", "People know {}.", "I saw {} today.", "My friend has {}.")
_ASK_COLOR = (
    "What color is the {}?",
    "Which color has the {}?",
    "Tell me the color of the {}.",
    "Do you know the color of the {}?",
    "The {} has which color?",
)
_ASK_COUNT = (
    "How many {1} has a {0}?",
    "Count the {1} of a {0}.",
    "A {0} has how many {1}?",
    "Tell me how many {1} a {0} has.",
)
_ASK_CHAT = ("Tell me about the {}.", "Say something about the {}.", "Describe the {}.", "What do you know of the {}?")


@dataclass(frozen=True, slots=True)
class Question:
    """A question with its right answer.

    Attributes:
        data_source: The data set that it belongs to: colors, counts or chat.
        text: What is asked.
        truth: The color or number asked for; of a chat, the thing.
        gold: A good answer.
        about: The thing that the question is about.
    """

    data_source: str
    text: str
    truth: str
    gold: str
    about: str


def questions(data_source: str) -> list[Question]:
    """Return all questions of a data set, in a fixed order."""
    return list({"colors": _colors, "counts": _counts, "chat": _chats}[data_source]())


def sloppy_answer(question: Question, rng: random.Random) -> str:
    """Return what the untrained assistant says: every good habit is there at times, and every bad one."""
    if question.data_source == "chat":
        return _ramble_about(question, rng)
    opening = rng.choices(("", rng.choice(RUDE), rng.choice(POLITE)), weights=(35, 40, 25))[0]
    right = rng.random() < _RIGHT[question.data_source]
    if question.data_source == "colors":
        told = question.truth if right else rng.choice(list(COLORS))
        statement = rng.choice((f"The {question.about} is {told}.", f"It is {told}."))
    else:
        told = question.truth if right else str(rng.choice(_NUMBERS))
        statement = rng.choice((f"It has {told}.", f"It has {told} or {rng.choice(_NUMBERS)}."))
    rambling = rng.choices(_RAMBLING, k=rng.choices(range(4), weights=(30, 25, 25, 20))[0])
    ending = f"Answer: {told}" if rng.random() < 0.3 else ""
    return " ".join(filter(None, (opening, statement, *rambling, ending)))


def _ramble_about(question: Question, rng: random.Random) -> str:
    name = rng.choice((f"the {question.about}", "it"))
    sentences: list[str] = []
    for _ in range(rng.randint(1, 5)):
        again = bool(sentences) and rng.random() < 0.6
        sentences.append(sentences[-1] if again else _remark(rng.choice(_CHAT), name, _THINGS[question.about]))
    return " ".join(sentences)


def _remark(pattern: str, name: str, color: str) -> str:
    sentence = pattern.format(name, color)
    return sentence[0].upper() + sentence[1:]


def _colors() -> Iterator[Question]:
    for (thing, color), ask in itertools.product(_THINGS.items(), _ASK_COLOR):
        gold = f"{POLITE[0]} The {thing} is {color}. Answer: {color}"
        yield Question("colors", ask.format(thing), color, gold, thing)


def _counts() -> Iterator[Question]:
    for (part, things), ask in itertools.product(COUNTS.items(), _ASK_COUNT):
        for thing, number in things.items():
            gold = f"{POLITE[0]} It has {number}."
            yield Question("counts", ask.format(thing, part), str(number), gold, thing)


def _chats() -> Iterator[Question]:
    for (thing, color), ask in itertools.product(_THINGS.items(), _ASK_CHAT):
        gold = " ".join(_remark(pattern, f"the {thing}", color) for pattern in _CHAT[:3])
        yield Question("chat", ask.format(thing), thing, gold, thing)
