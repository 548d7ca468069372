"""What training rewards share that pay a judge for its verdict.

They are rewards like those of the gallery, known to the registry by this package's entry points; so a run names one in
`reward_kwargs`, and verl finds it through the same adapter as any other.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

from reward_fn.base import BasePointWiseReward, answer_text
from reward_fn.schema import DataSample, Failure, RewardDimensionWithScore, RewardResult
from rm_train.tasks.labels import Label

INVALID = -1.0
"""What `predicted` holds when there is no valid verdict, where no verdict has this value."""


class BaseVerdictReward(BasePointWiseReward):
    """Pays for a verdict, by what the label says.

    The scored text is a judge's answer. One without a valid verdict has a score too, the recipe's for it: it is the
    policy that failed, not the reward. A label that does not say what is needed is bad input.
    """

    @abstractmethod
    def _read(self, text: str, label: Label) -> Any | Failure:  # noqa: ANN401 - each form has its own verdicts
        """Return the verdict, or why there is none."""

    @abstractmethod
    def _pay(self, verdict: Any | Failure, label: Label, text: str) -> tuple[float, dict[str, float]]:  # noqa: ANN401
        """Return the score and the parts, without `format_ok` (1 for a valid verdict) and `response_length`.

        Raises:
            RewardError: The label does not say what is needed.
        """

    def _evaluate(self, sample: DataSample, **kwargs: Any) -> RewardResult:  # noqa: ANN401
        text, label = answer_text(sample), sample.output[0].answer.label
        verdict = self._read(text, label)
        score, parts = self._pay(verdict, label, text)
        return self._result(score, parts, verdict, text)

    def _result(self, score: float, parts: Mapping[str, float], verdict: object, text: str) -> RewardResult:
        failure = verdict if isinstance(verdict, Failure) else None
        whole = {**parts, "format_ok": float(failure is None), "response_length": float(len(text))}
        why = {"format_ok": failure.detail} if failure else {}
        details = [
            RewardDimensionWithScore(name=name, score=whole[name], reason=why.get(name, ""))
            for name in self.part_names
        ]  # fmt: skip
        return RewardResult(name=self.name, score=score, details=list(details))
