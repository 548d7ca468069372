"""How many words an answer shares with the right one."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from typing import Any, ClassVar, Literal

from pydantic import Field

from reward_fn.base import UnreadableResponseError
from reward_fn.rules.references import bad_reference, references
from reward_fn.rules.tokenized import TokenizedReward
from reward_fn.rules.tokenizers import Tokenizer
from reward_fn.schema import DataSample, RewardResult


class F1ScoreReward(TokenizedReward):
    """F1 of the answer's tokens and the reference's; of several references the best.

    Tokens count as often as they occur, as in SQuAD; RM-Gallery compares sets, which `compare="set"` does too. A
    reference without tokens is a failure; there, an empty answer matches it.
    """

    version: ClassVar[int] = 2
    formula: ClassVar[str] = "2PR / (P + R), P and R the shares of common tokens in the answer and in the reference"
    source: ClassVar[str] = "Rajpurkar et al. 2016, SQuAD (section 6.1)"

    name: str = "f1_score"
    compare: Literal["bag", "set"] = Field("bag", description="whether a token counts as often as it occurs, or once")

    def _evaluate(self, sample: DataSample, **kwargs: Any) -> RewardResult:  # noqa: ANN401
        cut, set_ = self._tokens, self.compare == "set"
        try:
            wanted = [_counted_reference(reference, cut, set_) for reference in references(sample)]
        except UnreadableResponseError as error:
            raise bad_reference(sample, f"the reference cannot be read: {error}") from error
        if not all(wanted):
            raise bad_reference(sample, "the reference has no tokens")
        answer = _counted(self._answer(sample), cut, set_)
        best = max(self._f1(answer, reference) for reference in wanted)
        return RewardResult.of(self.name, best[0], f"precision {best[1]:.3f}, recall {best[2]:.3f}")

    @staticmethod
    def _f1(answer: dict[str, int], reference: dict[str, int]) -> tuple[float, float, float]:
        common, in_reference = 0, reference.get
        for token, count in answer.items():
            if other := in_reference(token):
                common += count if count < other else other
        if not common:
            return 0.0, 0.0, 0.0
        precision, recall = common / sum(answer.values()), common / sum(reference.values())
        return 2 * precision * recall / (precision + recall), precision, recall


def _counted(text: str, cut: Tokenizer, set_: bool) -> dict[str, int]:
    """Return how often each token occurs, or 1 for each."""
    tokens = cut(text)
    return dict.fromkeys(tokens, 1) if set_ else Counter(tokens)


# The answers to one prompt are compared with the same reference.
_counted_reference = lru_cache(maxsize=64)(_counted)
