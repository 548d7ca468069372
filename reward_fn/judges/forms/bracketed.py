"""RM-R1's form: `<answer>[[A]]</answer>` at the end (arXiv 2505.02387).

The published reward looks at the last 80 characters and wants exactly one verdict there; there are no ties.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from reward_fn.judges.forms.form import Form
from reward_fn.judges.pairwise import PairwiseVerdict, Preference
from reward_fn.judges.verdict_text import Message, asked, sections, unparseable, without_thoughts
from reward_fn.schema import Failure

TAIL = 80
"""The verdict stands in so many of the last characters."""
_VERDICTS: dict[str, Preference] = {"<answer>[[A]]</answer>": "A", "<answer>[[B]]</answer>": "B"}
_VERDICT = re.compile("|".join(map(re.escape, _VERDICTS)))


def messages(conversation: Sequence[Message], answers: Sequence[str]) -> list[Message]:
    """Ask which of two answers is better, by a rubric or a solution of the judge's own."""
    return asked(
        "Which answer is better, A or B? For a task of reasoning, first solve it yourself; for any other, first write "
        "the criteria that matter and their weights. Neither the order of the answers nor their length is a merit.",
        sections(conversation, answer_A=answers[0], answer_B=answers[1]),
        "Write your evaluation, and end with <answer>[[A]]</answer> or <answer>[[B]]</answer>.",
    )


def parse(text: str) -> PairwiseVerdict | Failure:
    """Read the only verdict in the last 80 characters."""
    said = without_thoughts(text)
    if isinstance(said, Failure):
        return said
    found = list(_VERDICT.finditer(said, max(0, len(said) - TAIL)))
    if len(found) != 1:
        return unparseable(f"expected one <answer>[[A]]</answer> in the last {TAIL} characters, found {len(found)}")
    return PairwiseVerdict(_VERDICTS[found[0][0]], said[: found[0].start()].strip())


def write(verdict: PairwiseVerdict) -> str:
    """Write a verdict; a tie cannot be written."""
    return f"{verdict.reason}\n<answer>[[{verdict.preference}]]</answer>"


FORM = Form(answers=2, ask=messages, parse=parse, write=write)
