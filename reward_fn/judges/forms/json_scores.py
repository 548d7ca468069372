"""Nemotron's form: JSON with a score from 1 to 5 for each of two answers, and a ranking from 1 to 6 (arXiv 2505.11475).

The JSON is that of NeMo Gym's `genrm_compare`. The ranking has no tie: 1 to 3 say that the first answer is better,
4 to 6 the second.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reward_fn.judges.forms.form import Form
from reward_fn.judges.pairwise import Preference
from reward_fn.judges.verdict_text import Message, asked, sections, unparseable, without_thoughts
from reward_fn.schema import Failure

SCORES = range(1, 6)
RANKINGS = range(1, 7)
_KEYS = {"score_1": SCORES, "score_2": SCORES, "ranking": RANKINGS}
_LONGEST = 300
"""Characters that the JSON may have: enough for any spacing, and none to overflow a parser with."""


@dataclass(frozen=True, slots=True)
class JsonScores:
    """A judge's parsed verdict: both scores are in 1..5, the ranking in 1..6, `reason` may be empty."""

    score_a: int
    score_b: int
    ranking: int
    reason: str

    @property
    def preference(self) -> Preference:
        """What the ranking says."""
        return "A" if self.ranking in RANKINGS[:3] else "B"


def messages(conversation: Sequence[Message], answers: Sequence[str]) -> list[Message]:
    """Ask for a score for each of two answers, and for a ranking."""
    return asked(
        "Score each of the two answers by how helpful it is, from 1 (not at all) to 5 (extremely). Then rank them: "
        "1: answer 1 is much better, 2: answer 1 is better, 3: answer 1 is slightly better, 4: answer 2 is slightly "
        "better, 5: answer 2 is better, 6: answer 2 is much better.",
        sections(conversation, answer_1=answers[0], answer_2=answers[1]),
        'Write your analysis, and end with JSON: {"score_1": 1 to 5, "score_2": 1 to 5, "ranking": 1 to 6}',
    )


def parse(text: str) -> JsonScores | Failure:
    """Read the object that the text ends with, in a code fence or not; there may be no other one."""
    said = without_thoughts(text)
    if isinstance(said, Failure):
        return said
    bare = said.removesuffix("```").rstrip()
    start = bare.rfind("{")
    if start < 0 or len(bare) - start > _LONGEST or bare.count('"ranking"') != 1:
        return unparseable("expected one JSON object with a ranking at the end")
    try:
        found = json.loads(bare[start:], object_pairs_hook=list)
    except ValueError as error:
        return unparseable(f"the end is no JSON object: {error}")
    values = _values(found)
    if values is None:
        return unparseable("expected the whole numbers score_1 and score_2 from 1 to 5, and ranking from 1 to 6")
    reason = bare[:start].strip().removesuffix("```json").removesuffix("```").strip()
    return JsonScores(values["score_1"], values["score_2"], values["ranking"], reason)


def _values(pairs: list[tuple[str, Any]]) -> dict[str, int] | None:
    values = dict(pairs)
    if len(pairs) != len(_KEYS) or values.keys() != _KEYS.keys():
        return None
    fits = all(type(values[key]) is int and values[key] in scale for key, scale in _KEYS.items())
    return values if fits else None


def write(verdict: JsonScores) -> str:
    """Write a verdict."""
    values = {"score_1": verdict.score_a, "score_2": verdict.score_b, "ranking": verdict.ranking}
    return f"{verdict.reason}\n{json.dumps(values)}"


FORM = Form(answers=2, ask=messages, parse=parse, write=write)
