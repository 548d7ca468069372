"""Think-RM's multiclass form: how much better one answer is, from -3 to 3 without 0 (arXiv 2505.16265).

The grades are HelpSteer2's preference strengths: negative where A is better. The published code takes the last digit
from 1 to 3 of whatever stands in the last `<answer>`, so that 13 is a 3; here the grade stands there alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reward_fn.judges.forms.ends import last_answer
from reward_fn.judges.forms.form import Form
from reward_fn.judges.pairwise import Preference
from reward_fn.judges.verdict_text import Message, asked, sections, unparseable
from reward_fn.schema import Failure

GRADES = (-3, -2, -1, 1, 2, 3)
_WRITTEN = {str(grade): grade for grade in GRADES}


@dataclass(frozen=True, slots=True)
class GradedVerdict:
    """A judge's parsed verdict: `grade` is one of `GRADES`, `reason` may be empty."""

    grade: int
    reason: str

    @property
    def preference(self) -> Preference:
        """The better answer."""
        return "A" if self.grade < 0 else "B"


def messages(conversation: Sequence[Message], answers: Sequence[str]) -> list[Message]:
    """Ask which of two answers is more helpful, and by how much."""
    return asked(
        "Which answer is more helpful, and by how much? -3: A is much better, -2: A is better, -1: A is slightly "
        "better, 1: B is slightly better, 2: B is better, 3: B is much better. Think about it as long as it takes.",
        sections(conversation, answer_A=answers[0], answer_B=answers[1]),
        "End with the number in <answer></answer>, such as <answer>-2</answer>.",
    )


def parse(text: str) -> GradedVerdict | Failure:
    """Read the grade in the last `<answer>`."""
    found = last_answer(text)
    if isinstance(found, Failure):
        return found
    reason, written = found
    if written not in _WRITTEN:
        return unparseable("the last <answer> holds no grade from -3 to -1 or from 1 to 3")
    return GradedVerdict(_WRITTEN[written], reason)


def write(verdict: GradedVerdict) -> str:
    """Write a verdict."""
    return f"{verdict.reason}\n<answer>{verdict.grade}</answer>"


FORM = Form(answers=2, ask=messages, parse=parse, write=write)
