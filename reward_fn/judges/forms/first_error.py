r"""FAPO's form: the index of the earliest wrong step of a solution, or -1, in a box (verl's recipe `fapo`, 2510.22543).

Steps are counted from 0. The published parser looks at the last 300 characters.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from reward_fn.judges.forms.ends import only_box
from reward_fn.judges.forms.form import Form
from reward_fn.judges.verdict_text import Message, asked, sections, unparseable
from reward_fn.schema import Failure

NO_ERROR = -1
TAIL = 300
"""The verdict stands in so many of the last characters."""
_STEP = re.compile(r"-1|\d{1,6}", re.ASCII)


@dataclass(frozen=True, slots=True)
class FirstError:
    """A judge's parsed verdict: `step` is 0 or more, or `NO_ERROR`; `reason` may be empty."""

    step: int
    reason: str


def messages(conversation: Sequence[Message], answers: Sequence[str]) -> list[Message]:
    """Ask where a solution first goes wrong; `answers` are its steps."""
    named = {f"step_{number}": text for number, text in enumerate(answers)}
    return asked(
        "Check the solution step by step. Which is the first step with an error? "
        f"If all steps are right, the reply is {NO_ERROR}.",
        sections(conversation, **named),
        f"End with the number of that step, or {NO_ERROR}, in \\boxed{{}}.",
    )


def parse(text: str) -> FirstError | Failure:
    """Read the only box near the end; how many steps there are is known to who asked."""
    found = only_box(text, within=TAIL)
    if isinstance(found, Failure):
        return found
    reason, written = found
    if _STEP.fullmatch(written) is None:
        return unparseable(f"the box holds neither the number of a step nor {NO_ERROR}")
    return FirstError(int(written), reason)


def write(verdict: FirstError) -> str:
    """Write a verdict."""
    return f"{verdict.reason}\n\\boxed{{{verdict.step}}}"


FORM = Form(answers=None, ask=messages, parse=parse, write=write)
