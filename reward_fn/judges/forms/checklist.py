"""Our pairwise form with a reason that is a list: what RationaleRM compares with a human's list (arXiv 2602.04649)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reward_fn.judges.forms.form import Form
from reward_fn.judges.pairwise import PairwiseVerdict, Preference, format_pairwise, parse_pairwise
from reward_fn.judges.verdict_text import Message, asked, sections, unparseable
from reward_fn.schema import Failure

_MARK = "- "


@dataclass(frozen=True, slots=True)
class ChecklistVerdict:
    """A judge's parsed verdict: `points` are the reasons, one or more, none of them empty."""

    preference: Preference
    points: tuple[str, ...]


def messages(conversation: Sequence[Message], answers: Sequence[str]) -> list[Message]:
    """Ask which of two answers is better, and for the reasons as a list."""
    return asked(
        "Which answer is better, A or B? Give up to five reasons, the weightiest first, each about one thing that can "
        "be checked in one of the answers.",
        sections(conversation, answer_A=answers[0], answer_B=answers[1]),
        f"Reply: <reason>the reasons, each in a line that begins with {_MARK.strip()}</reason>"
        "<preference>A, B or tie</preference>",
    )


def parse(text: str) -> ChecklistVerdict | Failure:
    """Read a verdict whose reason has only lines that are points."""
    read = parse_pairwise(text)
    if isinstance(read, Failure):
        return read
    lines = [line.strip() for line in read.reason.splitlines() if line.strip()]
    points = tuple(line.removeprefix(_MARK).strip() for line in lines)
    if not all(line.startswith(_MARK) for line in lines) or not all(points):
        return unparseable(f"expected a reason whose lines all begin with {_MARK.strip()}")
    return ChecklistVerdict(read.preference, points)


def write(verdict: ChecklistVerdict) -> str:
    """Write a verdict."""
    reason = "\n".join(f"{_MARK}{point}" for point in verdict.points)
    return format_pairwise(PairwiseVerdict(verdict.preference, reason))


FORM = Form(answers=2, ask=messages, parse=parse, write=write, ties=True)
