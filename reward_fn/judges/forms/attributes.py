"""All five ratings of HelpSteer2 in one verdict: `<reason>…</reason><helpfulness>3</helpfulness>…`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reward_fn.judges.forms.form import Form
from reward_fn.judges.pointwise import ATTRIBUTES, SCORES
from reward_fn.judges.verdict_text import Message, asked, read_verdict, sections, unparseable
from reward_fn.schema import Failure


@dataclass(frozen=True, slots=True)
class AttributesVerdict:
    """A judge's parsed verdict: `scores` has one from 0 to 4 for each of `ATTRIBUTES`, `reason` is not empty."""

    scores: Mapping[str, int]
    reason: str


def messages(conversation: Sequence[Message], answers: Sequence[str]) -> list[Message]:
    """Ask for all ratings of one answer."""
    rated = (f"{name}: {what}, from 0 ({low}) to 4 ({high})" for name, (what, low, high) in ATTRIBUTES.items())
    tags = "".join(f"<{name}>0 to 4</{name}>" for name in ATTRIBUTES)
    return asked(
        "\n".join(["Rate the answer.", *rated]),
        sections(conversation, answer=answers[0]),
        f"Reply: <reason>what is met and what is missing</reason>{tags}",
    )


def parse(text: str) -> AttributesVerdict | Failure:
    """Read a verdict, strictly; see `read_verdict`."""
    read = read_verdict(text, **dict.fromkeys(ATTRIBUTES, r"\d{1,3}"))
    if isinstance(read, Failure):
        return read
    scores = dict(zip(ATTRIBUTES, map(int, read[1:]), strict=True))
    if outside := [name for name, score in scores.items() if score not in SCORES]:
        return unparseable(f"{outside[0]} is outside {SCORES[0]} to {SCORES[-1]}")
    return AttributesVerdict(scores, read[0])


def write(verdict: AttributesVerdict) -> str:
    """Write a verdict."""
    tags = "".join(f"<{name}>{verdict.scores[name]}</{name}>" for name in ATTRIBUTES)
    return f"<reason>{verdict.reason}</reason>{tags}"


FORM = Form(answers=1, ask=messages, parse=parse, write=write)
