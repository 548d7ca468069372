"""Answers of known worth, for trying a reward: the right verdict on a row, the farthest from it, and none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from reward_fn.adapters.rows import Row
from reward_fn.judges.forms import FORMS
from reward_fn.judges.forms.checklist import ChecklistVerdict
from reward_fn.judges.forms.graded import GradedVerdict
from reward_fn.judges.forms.json_scores import JsonScores
from reward_fn.judges.forms.listed_scores import ListedScores
from reward_fn.judges.forms.two_scores import TwoScores
from reward_fn.judges.pairwise import PREFERENCES, PairwiseVerdict, Preference, swapped
from reward_fn.judges.pointwise import SCORES, PointwiseVerdict, format_pointwise

GARBAGE = ("empty", "prose", "truncated")
"""The kinds of answers that hold no verdict."""
REASON = "The answer does a part of what was asked."
"""What every verdict here gives for its reason."""
_SCORES = {"A": (4, 2), "B": (2, 4), "tie": (3, 3)}

_PREFERRING: Mapping[str, Callable[[Preference], Any]] = {
    "pairwise": lambda preference: PairwiseVerdict(preference, REASON),
    "bracketed": lambda preference: PairwiseVerdict(preference, REASON),
    "boxed": lambda preference: PairwiseVerdict(preference, REASON),
    "letter": lambda preference: PairwiseVerdict(preference, REASON),
    "checklist": lambda preference: ChecklistVerdict(preference, (REASON,)),
    "graded": lambda preference: GradedVerdict(-2 if preference == "A" else 2, REASON),
    "json_scores": lambda preference: JsonScores(*_SCORES[preference], 2 if preference == "A" else 5, REASON),
    "listed_pair": lambda preference: ListedScores(_SCORES[preference], REASON),
    "two_scores": lambda preference: TwoScores(*_SCORES[preference], REASON),
}


def off_scale(row: Row) -> tuple[str, str] | None:
    """Return what is wrong with a row's ground truth and what it should be, or None."""
    form = row.extra_info.get("form")
    known = list(map(str, SCORES)) if form is None else [one for one in PREFERENCES if FORMS[form].ties or one != "tie"]
    if str(row.ground_truth) in known:
        return None
    wanted = f"a score from {SCORES[0]} to {SCORES[-1]}" if form is None else f"one of {', '.join(known)}"
    return f"reward_model.ground_truth is {row.ground_truth!r}", wanted


def answers(row: Row) -> dict[str, str]:
    """Return one answer of each kind to a row: `gold`, `wrong`, and those of `GARBAGE`."""
    form = row.extra_info.get("form")
    gold, wrong = _ratings(int(str(row.ground_truth))) if form is None else _preferences(form, row.ground_truth)
    return {"gold": gold, "wrong": wrong, "empty": "", "prose": REASON, "truncated": gold[: len(gold) // 2]}


def _ratings(target: int) -> tuple[str, str]:
    farthest = max(SCORES, key=lambda score: abs(score - target))
    return format_pointwise(PointwiseVerdict(target, REASON)), format_pointwise(PointwiseVerdict(farthest, REASON))


def _preferences(form: str, target: Any) -> tuple[str, str]:  # noqa: ANN401 - whatever a row holds
    other: Preference = "B" if target == "tie" else swapped(target)  # to some, a tie is a victory of the first
    write = FORMS[form].write
    return write(_PREFERRING[form](target)), write(_PREFERRING[form](other))
