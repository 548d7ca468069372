"""RationaleRM's reward: being right, and for the reasons that humans give (arXiv 2602.04649).

A judge that is paid for its verdicts alone gives up costly reasons for cheap cues and loses some nine points on
JudgeBench; here its list of reasons is compared with a human's. Published is that outcome and average precision are
both paid; how they are put together is not, so that is a field.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple

from pydantic import Field

from reward_fn.judges.forms.checklist import FORM
from reward_fn.judges.pairwise import Preference
from reward_fn.schema import Failure
from rm_train.tasks.labels import Label, PairLabel, bad_label
from rm_train.tasks.pairwise import BasePairReward

POINTS = 5
"""So many of the judge's reasons count, the first ones: else it would do to list everything."""
_ALIKE = 0.5
"""The F1 of words from which two reasons may be the same."""


class Match(NamedTuple):
    """What one of the human's reasons has to do with the judge's: the index of the same one, or None; and how much."""

    point: int | None
    score: float


@dataclass(frozen=True, slots=True)
class Matched:
    """A verdict whose reasons have been compared with the human's, of which each has a match."""

    preference: Preference
    matches: Sequence[Match]

    @property
    def recall(self) -> float:
        """The share of the human's reasons that the judge has too."""
        return sum(match.score for match in self.matches if match.point is not None) / len(self.matches)


def average_precision(matches: Sequence[Match]) -> float:
    """Return how well the judge's reasons are those of the human, from 0 to 1.

    After the released code (metajudge_analysis.py): of the judge's reasons that match, in their order, each adds the
    mean score of it and those before it; the sum is divided by the number of the human's reasons. Reasons that match
    nothing take no place in the order.

    Args:
        matches: One for each of the human's reasons.
    """
    best: dict[int, float] = {}
    for point, score in matches:
        if point is not None:
            best[point] = max(score, best.get(point, 0.0))
    scores = [best[point] for point in sorted(best)]
    means = (sum(scores[:count]) / count for count in range(1, len(scores) + 1))
    return sum(means) / len(matches)


def match_by_words(checklist: Sequence[str], points: Sequence[str]) -> list[Match]:
    """Compare reasons by the words they share: the same is the one with the highest F1, if that is 0.5 or more.

    It reads no meaning; a meta-judge does (`JudgedRationaleReward`).
    """
    counted = [_words(point) for point in points]
    found = []
    for reason in map(_words, checklist):
        alike = [_f1(reason, point) for point in counted]
        highest = max(alike, default=0.0)
        found.append(Match(alike.index(highest), highest) if highest >= _ALIKE else Match(None, 0.0))
    return found


def _words(text: str) -> Counter[str]:
    return Counter(re.findall(r"\w+", text.lower()))


def _f1(first: Counter[str], second: Counter[str]) -> float:
    return 2 * (first & second).total() / max(1, first.total() + second.total())


class RationaleReward(BasePairReward):
    """Whether a judge prefers the answer that humans prefer, and how well its reasons are theirs.

    The label's `checklist` is the human's list of reasons, or one in JSON, which names the answers as they were shown
    (A, B). Parts: those of all rewards of pairs, and `rationale` (the average precision) and `recall`, both of a wrong
    preference too, and 0 without a valid verdict.
    """

    formula: ClassVar[str] = "[right] * AP, or [right] + weight * AP; 0 if invalid"
    source: ClassVar[str] = "RationaleRM (arXiv 2602.04649)"
    terms: ClassVar[tuple[str, ...]] = ("rationale", "recall")

    name: str = "rationale_reward"
    combine: Literal["product", "sum"] = Field(
        default="product", description="whether reasons count only of right verdicts, or are added to the outcome"
    )
    weight: float = Field(default=1.0, ge=0, description="how much the average precision counts in a sum")

    @property
    def score_range(self) -> tuple[float, float]:
        """From wrong or invalid to right for all of the human's reasons."""
        return 0.0, 1.0 if self.combine == "product" else 1.0 + self.weight

    @property
    def form_name(self) -> str:
        """A preference with a list of reasons."""
        return "checklist"

    def pay(self, verdict: Any | Failure, label: PairLabel, text: str) -> float:  # noqa: ANN401
        """Return outcome and average precision together."""
        if isinstance(verdict, Failure):
            return 0.0
        right, precision = float(verdict.preference == label.preference), average_precision(verdict.matches)
        return right * precision if self.combine == "product" else right + self.weight * precision

    def _read(self, text: str, label: Label) -> Any | Failure:  # noqa: ANN401
        checklist, verdict = checklist_of(label), FORM.parse(text)
        if isinstance(verdict, Failure):
            return verdict
        return Matched(verdict.preference, match_by_words(checklist, verdict.points[:POINTS]))

    def _terms(self, verdict: Any | Failure, label: PairLabel, text: str) -> dict[str, float]:  # noqa: ANN401
        if isinstance(verdict, Failure):
            return dict.fromkeys(self.terms, 0.0)
        return {"rationale": average_precision(verdict.matches), "recall": verdict.recall}


def checklist_of(label: Label) -> list[str]:
    """Read `checklist`: a list of texts, or one in JSON.

    Raises:
        RewardError: It is none, or empty.
    """
    found = label.get("checklist")
    if isinstance(found, str):
        try:
            found = json.loads(found)
        except (ValueError, RecursionError):
            raise bad_label("checklist", label["checklist"], "a list of reasons") from None
    if not isinstance(found, list) or not found or not all(isinstance(one, str) and one.strip() for one in found):
        raise bad_label("checklist", label.get("checklist"), "a list of reasons")
    return found
