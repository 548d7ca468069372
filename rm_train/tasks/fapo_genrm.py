"""FAPO's reward of a judge that finds the earliest wrong step of a solution.

After verl's recipe `fapo` (reward_fn_genrm.py). The judge is for RL on mathematics: it finds right answers that were
reached by wrong steps.
"""

from __future__ import annotations

from typing import Any, ClassVar

from reward_fn.judges.forms.first_error import FORM, NO_ERROR
from reward_fn.judges.verdict_text import unparseable
from reward_fn.schema import Failure
from rm_train.tasks.labels import Label, integer
from rm_train.tasks.verdicts import BaseVerdictReward

INVALID_STEP = -2.0
"""What `predicted` holds without a valid verdict: -1 is a verdict."""


def step_reward(said: int, gold: int, steps: int) -> float:
    """Return what a step is worth: 1 for the right one, less by its distance, -1 for an error missed or made up.

    Args:
        said: The judge's step, from 0, or -1 for no error.
        gold: The step with the first error, or -1.
        steps: How many steps there are.
    """
    if gold == NO_ERROR or said == NO_ERROR:
        return 1.0 if said == gold else -1.0
    return 1.0 - abs(said - gold) / steps


class FapoGenRMReward(BaseVerdictReward):
    """How near a judge comes to the first wrong step of a solution.

    The label's `reference` is that step, counted from 0, or -1 if all are right; `steps` is how many there are. A step
    that is not there is no valid verdict. Parts: `acc` (1 if the judge knows whether there is an error, as published),
    `exact` (1 for the very step), `step_error` (the distance's share of the steps; 1 for a wrong word on whether there
    is an error, and without a valid verdict), `format_ok`, `predicted` (-2 without a valid verdict), `target`, and
    `response_length` in characters.
    """

    formula: ClassVar[str] = "1 - |p-t|/steps; -1 if one of p and t is -1 (no error) and not both; -1 if invalid"
    source: ClassVar[str] = "FAPO (arXiv 2510.22543), verl's recipe"

    name: str = "fapo_genrm_reward"

    @property
    def score_range(self) -> tuple[float, float]:
        """From wrong or invalid to exact."""
        return -1.0, 1.0

    @property
    def part_names(self) -> tuple[str, ...]:
        """The same for every answer."""
        return ("acc", "exact", "step_error", "format_ok", "predicted", "target", "response_length")

    def _read(self, text: str, label: Label) -> Any | Failure:  # noqa: ANN401
        steps, verdict = _steps(label), FORM.parse(text)
        if not isinstance(verdict, Failure) and verdict.step >= steps:
            return unparseable(f"there is no step {verdict.step}; the last one is {steps - 1}")
        return verdict

    def _pay(self, verdict: Any | Failure, label: Label, text: str) -> tuple[float, dict[str, float]]:  # noqa: ANN401
        steps = _steps(label)
        gold = integer(label, "reference", range(NO_ERROR, steps), f"a step from 0 to {steps - 1}, or {NO_ERROR}")
        if isinstance(verdict, Failure):
            parts = {"acc": 0.0, "exact": 0.0, "step_error": 1.0, "predicted": INVALID_STEP, "target": float(gold)}
            return -1.0, parts
        knows = (verdict.step == NO_ERROR) == (gold == NO_ERROR)
        parts = {
            "acc": float(knows),
            "exact": float(verdict.step == gold),
            "step_error": abs(verdict.step - gold) / steps if knows else 1.0,
            "predicted": float(verdict.step),
            "target": float(gold),
        }
        return step_reward(verdict.step, gold, steps), parts


def _steps(label: Label) -> int:
    return integer(label, "steps", range(1, 10**6), "how many steps there are")
