"""JudgeLRM's form: thoughts, then a score from 0 to 10 for each of two answers (arXiv 2504.00050)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from reward_fn.judges.forms.form import Form, better
from reward_fn.judges.pairwise import Preference
from reward_fn.judges.verdict_text import Message, asked, sections, unparseable
from reward_fn.schema import Failure

SCORES = range(11)
_WRITTEN = {str(score): score for score in SCORES}
_TAGS = re.compile(r"</?(?:think|answer)>")
_ANSWERS = ["<answer>", "</answer>"] * 2
_ORDERS = (["<think>", "</think>", *_ANSWERS], ["</think>", *_ANSWERS])
"""The first tag is in the prompt where the chat template opens the thoughts."""


@dataclass(frozen=True, slots=True)
class TwoScores:
    """A judge's parsed verdict: both scores are in 0..10, `reason` is what was thought and may be empty."""

    score_a: int
    score_b: int
    reason: str

    @property
    def preference(self) -> Preference:
        """The answer with the higher score."""
        return better(self.score_a, self.score_b)


def messages(conversation: Sequence[Message], answers: Sequence[str]) -> list[Message]:
    """Ask for a score for each of two answers."""
    return asked(
        "Score each of the two answers from 0 to 10 by how helpful, relevant, accurate and detailed it is; a higher "
        "score is better. Neither the order of the answers nor their length is a merit.",
        sections(conversation, answer_1=answers[0], answer_2=answers[1]),
        "Reply: <think>your reasons</think><answer>score of answer 1</answer><answer>score of answer 2</answer>",
    )


def structured(text: str) -> bool:
    """Say whether the tags are there, each as often as it should be and in order; never mind what they hold."""
    return _TAGS.findall(text) in _ORDERS


def parse(text: str) -> TwoScores | Failure:
    """Read two scores behind the thoughts."""
    if not structured(text):
        found = " ".join(_TAGS.findall(text)[:8]) or "no tags"
        return unparseable(f"expected <think>…</think> and then two <answer>…</answer>, found {found}")
    thoughts, _, rest = text.partition("</think>")
    _, first, _, second, _ = (part.strip() for part in _TAGS.split(rest))
    if first not in _WRITTEN or second not in _WRITTEN:
        return unparseable(f"expected a whole number from {SCORES[0]} to {SCORES[-1]} in each <answer>")
    return TwoScores(_WRITTEN[first], _WRITTEN[second], thoughts.rpartition("<think>")[2].strip())


def write(verdict: TwoScores) -> str:
    """Write a verdict."""
    return f"<think>{verdict.reason}</think><answer>{verdict.score_a}</answer><answer>{verdict.score_b}</answer>"


FORM = Form(answers=2, ask=messages, parse=parse, write=write, ties=True)
