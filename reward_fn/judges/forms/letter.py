"""Think-RM's binary form: `<answer>A</answer>` or `<answer>B</answer>` (arXiv 2505.16265); there are no ties.

The published code takes the last A or B of whatever stands in the last `<answer>`, so that "Bad" is a B; here the
letter stands there alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from reward_fn.judges.forms.ends import last_answer
from reward_fn.judges.forms.form import Form
from reward_fn.judges.pairwise import PairwiseVerdict, Preference
from reward_fn.judges.verdict_text import Message, asked, sections, unparseable
from reward_fn.schema import Failure

_VERDICTS: dict[str, Preference] = {"A": "A", "B": "B"}


def messages(conversation: Sequence[Message], answers: Sequence[str]) -> list[Message]:
    """Ask which of two answers is more helpful."""
    return asked(
        "Which answer is more helpful, A or B? Think about it as long as it takes.",
        sections(conversation, answer_A=answers[0], answer_B=answers[1]),
        "End with <answer>A</answer> or <answer>B</answer>.",
    )


def parse(text: str) -> PairwiseVerdict | Failure:
    """Read the letter in the last `<answer>`."""
    found = last_answer(text)
    if isinstance(found, Failure):
        return found
    reason, letter = found
    if letter not in _VERDICTS:
        return unparseable("the last <answer> holds neither A nor B")
    return PairwiseVerdict(_VERDICTS[letter], reason)


def write(verdict: PairwiseVerdict) -> str:
    """Write a verdict; a tie cannot be written."""
    return f"{verdict.reason}\n<answer>{verdict.preference}</answer>"


FORM = Form(answers=2, ask=messages, parse=parse, write=write)
