"""What a form is: how a judge is asked, how its verdict is read, and how one is written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from reward_fn.judges.pairwise import Preference
from reward_fn.judges.verdict_text import Message
from reward_fn.schema import Failure

V = TypeVar("V")


class Preferring(Protocol):
    """A verdict on two answers, whatever else it says."""

    @property
    def preference(self) -> Preference:
        """The better answer: A was shown first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form(Generic[V]):
    """One way to ask a judge and to read what it says.

    Attributes:
        answers: How many texts are shown, or None for one or more. With 2, the verdict is `Preferring`.
        ask: Makes the messages of a conversation and so many texts; some forms take more options.
        parse: Reads a verdict, strictly. Any text is accepted and none raises; what is not a verdict is a `Failure`.
        write: Writes a verdict so that `parse` reads it: for examples, and for tries of a reward.
        ties: Whether a verdict on two answers can be that neither is better.
    """

    answers: int | None
    ask: Callable[..., list[Message]]
    parse: Callable[[str], V | Failure]
    write: Callable[[V], str]
    ties: bool = False

    def messages(self, conversation: Sequence[Message], answers: Sequence[str], **options: str) -> list[Message]:
        """Return the chat messages that ask a judge.

        Args:
            conversation: The turns before the answers; the last one is the user's.
            answers: The texts to judge, in the order in which they are shown.
            options: What the form takes beside them, such as `attribute` for `pointwise`.

        Raises:
            ValueError: The form shows another number of texts.
        """
        if len(answers) != (self.answers or max(1, len(answers))):
            raise ValueError(f"this form shows {self.answers or 'one text or more'}, not {len(answers)}")
        return self.ask(conversation, answers, **options)


def better(score_a: float, score_b: float) -> Preference:
    """Return the preference that two scores amount to."""
    return "tie" if score_a == score_b else "A" if score_a > score_b else "B"
