"""SPCT's reward of a judge that writes principles, a critique, and a score for each of n answers.

After the formula of arXiv 2504.02495, section 3.2: of two answers or more, the one that humans like best must have
strictly the highest score; a single one must have the very score. There is nothing for the form by itself.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from reward_fn.judges.forms.form import better
from reward_fn.judges.forms.listed_scores import FORM, SCORES
from reward_fn.judges.verdict_text import unparseable
from reward_fn.schema import Failure
from rm_train.tasks.labels import Label, bad_label, integer, lengths_of
from rm_train.tasks.verdicts import INVALID, BaseVerdictReward


@dataclass(frozen=True, slots=True)
class ListLabel:
    """What humans say of n answers.

    Attributes:
        answers: How many there are.
        target: The index of the best one; of a single answer, its score from 1 to 10.
    """

    answers: int
    target: int

    def is_met_by(self, scores: Sequence[int]) -> bool:
        """Say whether so many scores from 1 to 10 are right."""
        if self.answers == 1:
            return scores[0] == self.target
        return all(scores[self.target] > score for index, score in enumerate(scores) if index != self.target)


def list_label(label: Label) -> ListLabel:
    """Read `reference`: the humans' ratings of all answers (a list, or one in JSON), A or B, or one score.

    Raises:
        RewardError: It is none of these, or several answers are rated best.
    """
    reference = label.get("reference")
    if reference in ("A", "B"):
        return ListLabel(2, ("A", "B").index(reference))
    ratings = _listed(reference)
    if ratings is None or len(ratings) == 1:
        single = label if ratings is None else {"reference": ratings[0]}
        wanted = f"a list of ratings of two answers or more, A, B, or a score from {SCORES[0]} to {SCORES[-1]}"
        return ListLabel(1, integer(single, "reference", SCORES, wanted))
    if ratings.count(max(ratings)) > 1:
        raise bad_label("reference", reference, "ratings of which one is the highest; leave ties out")
    return ListLabel(len(ratings), ratings.index(max(ratings)))


def _listed(reference: object) -> list[float] | None:
    if isinstance(reference, str) and reference.startswith("["):
        try:
            reference = json.loads(reference)
        except (ValueError, RecursionError):
            return None
    if not isinstance(reference, list) or not reference:
        return None
    numbers = [one for one in reference if isinstance(one, int | float) and not isinstance(one, bool)]
    return numbers if len(numbers) == len(reference) and all(map(math.isfinite, numbers)) else None


class SpctReward(BaseVerdictReward):
    """Whether a judge scores the best of n answers strictly highest, or a single one exactly.

    The label's `reference` has the ratings of all answers as a list, or A or B of two, or one score from 1 to 10;
    `length_a` and `length_b` may stand beside it. Another number of scores than of answers is no valid verdict. Parts:
    `acc`, `format_ok`, `predicted` (the index of the answer with the highest score, from 0; of a single answer its
    score; -1 without a valid verdict or if several are highest), `target` (the same of the humans), `tie` (several are
    highest), `chose_a` (the first one is), `chose_longer` (of two), `answers` and `response_length` in characters.
    """

    formula: ClassVar[str] = "1 if the best answer's score is strictly the highest (n=1: the exact score), else -1"
    source: ClassVar[str] = "SPCT, DeepSeek-GRM (arXiv 2504.02495)"

    name: str = "spct_reward"

    @property
    def score_range(self) -> tuple[float, float]:
        """Wrong or invalid, or right."""
        return -1.0, 1.0

    @property
    def part_names(self) -> tuple[str, ...]:
        """The same for every answer."""
        common = ("acc", "format_ok", "predicted", "target", "tie", "chose_a", "chose_longer", "response_length")
        return (*common, "answers")

    def _read(self, text: str, label: Label) -> Any | Failure:  # noqa: ANN401
        human, verdict = list_label(label), FORM.parse(text)
        if not isinstance(verdict, Failure) and len(verdict.scores) != human.answers:
            return unparseable(f"expected {human.answers} scores, found {len(verdict.scores)}")
        return verdict

    def _pay(self, verdict: Any | Failure, label: Label, text: str) -> tuple[float, dict[str, float]]:  # noqa: ANN401
        human, lengths = list_label(label), lengths_of(label)
        scores, best = ((), None) if isinstance(verdict, Failure) else (verdict.scores, verdict.best)
        right = bool(scores) and human.is_met_by(scores)
        longer = better(*lengths) if lengths else "tie"
        several = human.answers > 1
        predicted = best if several else next(iter(scores), None)
        parts = {
            "acc": float(right),
            "predicted": INVALID if predicted is None else float(predicted),
            "target": float(human.target),
            "tie": float(bool(scores) and best is None),
            "chose_a": float(several and best == 0),
            "chose_longer": float(human.answers == 2 and best == {"A": 0, "B": 1}.get(longer, INVALID)),
            "answers": float(human.answers),
        }
        return (1.0 if right else -1.0), parts
