"""The training rewards of a judge of two answers, in any form that says which one it prefers."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

from pydantic import Field, field_validator, model_validator
from typing_extensions import Self

from reward_fn.judges.forms import FORMS, PAIR_FORMS
from reward_fn.judges.forms.form import better
from reward_fn.judges.pairwise import PREFERENCES
from reward_fn.schema import Failure
from rm_train.nearest import known
from rm_train.tasks.labels import Label, PairLabel, bad_label, pair_label
from rm_train.tasks.pair_recipes import PAIR_RECIPES, AnyPairRecipe
from rm_train.tasks.verdicts import INVALID, BaseVerdictReward

_CODES = {preference: float(code) for code, preference in enumerate(PREFERENCES)}


class BasePairReward(BaseVerdictReward):
    """Pays for a verdict on two answers; a recipe of one's own overrides `pay`.

    The label's `reference` is A, B or tie; `strength` (-3 to 3, negative where A is better) and the answers' `length_a`
    and `length_b` may stand beside it. Parts: `acc` (1 for the human's preference), `format_ok`, `predicted` and
    `target` (0 for A, 1 for B, 2 for a tie; -1 without a valid verdict), `tie` and `chose_a` (what the verdict is),
    `chose_longer` (1 for the longer answer; 0 too where the label has no lengths), `response_length` in characters, and
    the recipe's own.
    """

    terms: ClassVar[tuple[str, ...]] = ()
    """The names of the recipe's own parts."""

    @property
    @abstractmethod
    def form_name(self) -> str:
        """The form of the verdict, one of `PAIR_FORMS`."""

    @abstractmethod
    def pay(self, verdict: Any | Failure, label: PairLabel, text: str) -> float:  # noqa: ANN401 - verdicts differ
        """Return the score.

        Args:
            verdict: What the form reads, or why there is no valid verdict.
            label: What humans say.
            text: The judge's answer.

        Raises:
            RewardError: The label does not say what is needed.
        """

    def _terms(self, verdict: Any | Failure, label: PairLabel, text: str) -> dict[str, float]:  # noqa: ANN401
        """Return the recipe's own parts."""
        return {}

    def _label(self, label: Label) -> PairLabel:
        """Return what humans say; raise `RewardError` where the label does not say it."""
        return pair_label(label)

    @property
    def part_names(self) -> tuple[str, ...]:
        """The same for every answer."""
        return (
            *("acc", "format_ok", "predicted", "target", "tie", "chose_a", "chose_longer", "response_length"),
            *self.terms,
        )

    def _read(self, text: str, label: Label) -> Any | Failure:  # noqa: ANN401
        return FORMS[self.form_name].parse(text)

    def _pay(self, verdict: Any | Failure, label: Label, text: str) -> tuple[float, dict[str, float]]:  # noqa: ANN401
        human = self._label(label)
        if human.preference == "tie" and not FORMS[self.form_name].ties:
            raise bad_label("reference", "tie", f"A or B, and the form {self.form_name} knows no tie; leave ties out")
        chosen = None if isinstance(verdict, Failure) else verdict.preference
        longer = better(*human.lengths) if human.lengths else "tie"
        parts = {
            "acc": float(chosen == human.preference),
            "predicted": _CODES[chosen] if chosen else INVALID,
            "target": _CODES[human.preference],
            "tie": float(chosen == "tie"),
            "chose_a": float(chosen == "A"),
            "chose_longer": float(chosen == longer != "tie"),
        }
        return self.pay(verdict, human, text), parts | self._terms(verdict, human, text)


class AnyFormPairReward(BasePairReward):
    """A reward of pairs whose verdicts may have any of `PAIR_FORMS`."""

    form: str = Field("pairwise", description=f"how the verdict is written: {', '.join(PAIR_FORMS)}")

    @field_validator("form")
    @classmethod
    def _known(cls, form: str) -> str:
        return known(form, PAIR_FORMS, "form")

    @property
    def form_name(self) -> str:
        """What the field says."""
        return self.form


class PairwiseVerdictReward(AnyFormPairReward):
    """Whether a judge prefers the answer that humans prefer, paid by a recipe.

    Label and parts are those of all rewards of pairs: `reference` is A, B or tie; parts are `acc`, `format_ok`,
    `predicted` and `target` (0: A, 1: B, 2: tie, -1: no valid verdict), `tie`, `chose_a`, `chose_longer` and
    `response_length`. With `same_side` also `exact_grade`.
    """

    formula: ClassVar[str] = "right, wrong or invalid, as the recipe pays them; margin_aware: 0.5 + 0.5|strength|/3"
    source: ClassVar[str] = "RM-Gallery; RM-R1; RRM; J4R; Think-RM (docs of the recipes)"

    name: str = "pairwise_verdict_reward"
    recipe: AnyPairRecipe = Field(
        description=f"what is paid: {', '.join(PAIR_RECIPES)}; or {{right: 1, wrong: 0, invalid: 0}} with one's own"
    )

    @model_validator(mode="after")
    def _grades(self) -> Self:
        if self.recipe.same_side is not None and self.form != "graded":
            raise ValueError(f"the recipe pays grades, and the form {self.form} has none; write form: graded")
        return self

    @property
    def score_range(self) -> tuple[float, float]:
        """That of the recipe."""
        return self.recipe.range

    @property
    def part_names(self) -> tuple[str, ...]:
        """The same for every answer."""
        return (*super().part_names, *(() if self.recipe.same_side is None else ("exact_grade",)))

    def pay(self, verdict: Any | Failure, label: PairLabel, text: str) -> float:  # noqa: ANN401
        """Return what the recipe pays."""
        return self.recipe.pay(verdict, label)

    def _terms(self, verdict: Any | Failure, label: PairLabel, text: str) -> dict[str, float]:  # noqa: ANN401
        if self.recipe.same_side is None:
            return {}
        return {"exact_grade": float(not isinstance(verdict, Failure) and verdict.grade == label.strength)}
