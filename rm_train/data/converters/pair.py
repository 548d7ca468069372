"""The one shape that every data set of preferences is converted to, and the ways in which sets say what is better."""

from __future__ import annotations

from dataclasses import dataclass

from reward_fn.judges.pairwise import STRENGTHS, Preference, swapped
from reward_fn.judges.verdict_text import Message
from rm_train.data.errors import BadReason, RowProblem
from rm_train.data.fields import Fields, show
from rm_train.data.hashing import hash64

Scores = tuple[float | None, float | None]
Facts = tuple[dict[str, bool], dict[str, bool]]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two answers to a conversation, and which is better.

    Attributes:
        conversation: The turns before the answers, alternating, the last one the user's; a system's may come first.
        answers: The texts that were compared: A, then B.
        preference: Which of them is better.
        strength: How much better, one of `STRENGTHS`, negative where A is; None where the data set does not say.
        scores: What each answer was given by itself, on the data set's own scale, or None.
        facts: What a right reason must say of each answer (name -> whether it is met, in order); None when unknown.
    """

    conversation: list[Message]
    answers: tuple[str, str]
    preference: Preference
    strength: int | None = None
    scores: Scores = (None, None)
    facts: Facts | None = None

    def swapped(self) -> Pair:
        """Return the same pair with the answers in the other order."""
        return Pair(
            self.conversation,
            self.answers[::-1],
            swapped(self.preference),
            None if self.strength is None else -self.strength,
            self.scores[::-1],
            None if self.facts is None else self.facts[::-1],
        )


def by_strength(
    row: Fields,
    name: str,
    conversation: list[Message],
    answers: tuple[str, str],
    *,
    scores: Scores = (None, None),
    facts: Facts | None = None,
) -> Pair:
    """Return the pair of a row that says in one of its fields how much better the second answer is.

    Raises:
        RowProblem: The field holds none of `STRENGTHS`, or prefers one of two answers that are the same.
    """
    strength = row.integer(name)
    if strength not in STRENGTHS:
        detail = f"should be within {STRENGTHS[0]} to {STRENGTHS[-1]}, is {show(strength)}"
        raise RowProblem(row.name_of(name), BadReason.OUT_OF_RANGE, detail)
    if strength:
        _check_differ(answers, row.name_of(name))
    preference: Preference = "A" if strength < 0 else "B" if strength > 0 else "tie"
    return Pair(conversation, answers, preference, strength, scores, facts)


def by_choice(
    name: str, conversation: list[Message], chosen: str, rejected: str, scores: Scores = (None, None)
) -> Pair:
    """Return the pair of a row that has a chosen answer and a rejected one.

    Such sets have the chosen answer always in the same place, so a hash of the texts decides which is A.

    Args:
        name: The field of the rejected answer, for the problem.
        conversation: The turns before the answers.
        chosen: The better answer.
        rejected: The worse one.
        scores: What the chosen answer was given by itself, and the rejected one.

    Raises:
        RowProblem: The answers are the same.
    """
    _check_differ((chosen, rejected), name)
    pair = Pair(conversation, (chosen, rejected), "A", None, scores)
    texts = [*(turn["content"] for turn in conversation), chosen, rejected]
    return pair if hash64("\0".join(texts)) % 2 else pair.swapped()


def _check_differ(answers: tuple[str, str], name: str) -> None:
    if answers[0] == answers[1]:
        raise RowProblem(name, BadReason.CONTRADICTION, "one answer is said to be better, but both are the same text")
