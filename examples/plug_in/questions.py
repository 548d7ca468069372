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
POLITE, RUDE = ("Gladly!", "With pleasure!"), ("Obviously.", "Whatever.")
_THINGS = {thing: color for color, things in COLORS.items() for thing in things}
_NUMBERS = range(1, 7)
_RAMBLING = ("Let me think.", "I like to talk.", "So they say.", "It may rain today.")
_CHAT = ("The {} is {}.", "I like the {}.", "People know the {}.", "I saw a {} today.", "My friend has a {}.")
_ASK_COLOR = (
    "What color is the {}?",
    "Which color has the {}?",
    "Tell me the color of the {}.",
    "Do you know the color of the {}?",
    "The {} has which color?",
)
_ASK_SUM = ("What is {} plus {}?", "Add {} and {}.", "How much is {} and {}?")
_ASK_CHAT = ("Tell me about the {}.", "Say something about the {}.", "Describe the {}.", "What do you know of the {}?")


@dataclass(frozen=True, slots=True)
class Question:
    """A question with its right answer.

    Attributes:
        data_source: The data set that it belongs to: colors, sums or chat.
        text: What is asked.
        truth: The color or number asked for; of a chat, the thing.
        gold: A good answer.
        about: The thing or things that the question names.
    """

    data_source: str
    text: str
    truth: str
    gold: str
    about: tuple[str, ...]


def questions(data_source: str) -> list[Question]:
    """Return all questions of a data set, in a fixed order."""
    return list({"colors": _colors, "sums": _sums, "chat": _chats}[data_source]())


def sloppy_answer(question: Question, rng: random.Random) -> str:
    """Return what the untrained assistant says: every good habit is there at times, and every bad one."""
    if question.data_source == "chat":
        return _ramble_about(question, rng)
    opening = rng.choices(("", rng.choice(RUDE), rng.choice(POLITE)), weights=(35, 40, 25))[0]
    right = rng.random() < 0.35
    if question.data_source == "colors":
        told = question.truth if right else rng.choice(list(COLORS))
        statement = rng.choice((f"The {question.about[0]} is {told}.", f"It is {told}."))
    else:
        told = question.truth if right else str(rng.randint(2, 12))
        statement = rng.choice((f"It is {told}.", f"It is {told}.", f"It is {told} or {rng.randint(2, 12)}."))
    rambling = rng.choices(_RAMBLING, k=rng.choices(range(4), weights=(30, 25, 25, 20))[0])
    ending = f"Answer: {told}" if rng.random() < 0.3 else ""
    return " ".join(filter(None, (opening, statement, *rambling, ending)))


def _ramble_about(question: Question, rng: random.Random) -> str:
    thing = question.about[0]
    sentences: list[str] = []
    for _ in range(rng.randint(1, 5)):
        again = bool(sentences) and rng.random() < 0.6
        sentences.append(sentences[-1] if again else rng.choice(_CHAT).format(thing, _THINGS[thing]))
    return " ".join(sentences)


def _colors() -> Iterator[Question]:
    for (thing, color), ask in itertools.product(_THINGS.items(), _ASK_COLOR):
        gold = f"{POLITE[0]} The {thing} is {color}. Answer: {color}"
        yield Question("colors", ask.format(thing), color, gold, (thing,))


def _sums() -> Iterator[Question]:
    for one, other, ask in itertools.product(_NUMBERS, _NUMBERS, _ASK_SUM):
        total = str(one + other)
        yield Question("sums", ask.format(one, other), total, f"{POLITE[0]} It is {total}.", (str(one), str(other)))


def _chats() -> Iterator[Question]:
    for (thing, color), ask in itertools.product(_THINGS.items(), _ASK_CHAT):
        gold = " ".join(sentence.format(thing, color) for sentence in _CHAT[:3])
        yield Question("chat", ask.format(thing), thing, gold, (thing,))
