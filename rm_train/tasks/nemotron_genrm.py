"""Nemotron's reward of generative reward models: minus the distances of two scores and of a ranking.

Read in a description of the environment and in NeMo Gym's tests of it (`generative_reward_model`): an invalid verdict
gets -C1 and nothing else. So with the published C1 = 10 it beats a valid verdict that could not be more wrong (-13).
"""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from reward_fn.judges.forms.json_scores import RANKINGS, SCORES, JsonScores
from reward_fn.schema import Failure
from rm_train.tasks.labels import Label, PairLabel, bad_label, lengths_of, scores_of, strength_of
from rm_train.tasks.pairwise import BasePairReward

_FARTHEST_SCORE = SCORES[-1] - SCORES[0]
_FARTHEST_RANKING = RANKINGS[-1] - RANKINGS[0]


def ranking_of(strength: int) -> int:
    """Return the ranking from 1 (A is much better) to 6 that a strength from -3 to 3, without 0, amounts to."""
    return strength + (4 if strength < 0 else 3)


class NemotronGenRMReward(BasePairReward):
    """How near a judge's scores (1 to 5) of two answers and its ranking (1 to 6) are to the humans'.

    The label's `strength` (-3 to 3 without 0, negative where A is better) is the ranking; `score_a` and `score_b` may
    stand beside it, and count nothing where they do not. Parts: those of all rewards of pairs, by the ranking; and
    `score_error` (the sum of both distances) and `ranking_error`, both at their largest without a valid verdict.
    """

    formula: ClassVar[str] = "-|score_1 error| - |score_2 error| - c2 |ranking error|; -c1 if invalid"
    source: ClassVar[str] = "Nemotron GenRM (arXiv 2505.11475), NeMo Gym"
    terms: ClassVar[tuple[str, ...]] = ("score_error", "ranking_error")

    name: str = "nemotron_genrm_reward"
    c1: float = Field(default=10.0, ge=0, description="what an answer without a valid verdict loses")
    c2: float = Field(default=1.0, ge=0, description="how much the ranking counts")

    @property
    def score_range(self) -> tuple[float, float]:
        """From all wrong, or invalid, to all right."""
        return -max(self.c1, 2 * _FARTHEST_SCORE + self.c2 * _FARTHEST_RANKING), 0.0

    @property
    def form_name(self) -> str:
        """JSON with two scores and a ranking."""
        return "json_scores"

    def pay(self, verdict: Any | Failure, label: PairLabel, text: str) -> float:  # noqa: ANN401
        """Return minus the distances."""
        if isinstance(verdict, Failure):
            return -self.c1
        score_error, ranking_error = _errors(verdict, label)
        return -score_error - self.c2 * ranking_error

    def _label(self, label: Label) -> PairLabel:
        strength = strength_of(label)
        if strength == 0:
            raise bad_label("strength", 0, "one of -3 to -1 and 1 to 3: the ranking knows no tie; leave ties out")
        _scores(label)
        return PairLabel("A" if strength < 0 else "B", strength, lengths_of(label), label)

    def _terms(self, verdict: Any | Failure, label: PairLabel, text: str) -> dict[str, float]:  # noqa: ANN401
        if isinstance(verdict, Failure):
            scored = _scores(label.fields) is not None
            errors = (2.0 * _FARTHEST_SCORE if scored else 0.0, _FARTHEST_RANKING)
        else:
            errors = _errors(verdict, label)
        return dict(zip(self.terms, map(float, errors), strict=True))


def _errors(verdict: JsonScores, label: PairLabel) -> tuple[float, int]:
    gold = _scores(label.fields)
    off = 0.0 if gold is None else abs(verdict.score_a - gold[0]) + abs(verdict.score_b - gold[1])
    return off, abs(verdict.ranking - ranking_of(label.needed_strength))


def _scores(label: Label) -> tuple[float, float] | None:
    there = label.get("score_a") is not None or label.get("score_b") is not None
    return scores_of(label, SCORES) if there else None
