"""Whether a right answer stands in an answer, and where."""

from __future__ import annotations

import unicodedata
from typing import Any, ClassVar, Literal

from pydantic import Field

from reward_fn.base import BaseRuleReward
from reward_fn.rules.references import bad_reference, references
from reward_fn.schema import DataSample, RewardResult


class StringMatchReward(BaseRuleReward):
    """Whether the answer is a reference, begins or ends with it, or contains it.

    Several references may be given as a list; one of them is enough. A reference that is empty, or that is only what
    the options leave out, is a failure: every answer would match it.

    All modes but `exact` pay answers that only mention the reference. With the reference Paris, `contains` pays `It is
    not Paris`, `Paris or Rome` and a list of all capitals, `prefix` pays `Paris or Rome`, and `suffix` pays `not
    Paris`: a policy that is trained on them learns to list candidates. Use `exact` on a marked answer instead, such as
    `read="tag:answer"` or `read="last_line"`. See [what matches pay wrongly](#what-matches-pay-wrongly).
    """

    version: ClassVar[int] = 2
    formula: ClassVar[str] = "1 if one of the references matches, else 0"
    source: ClassVar[str] = "OpenJudge"

    name: str = "string_match"
    mode: Literal["exact", "prefix", "suffix", "contains"] = Field("exact", description="where the reference stands")
    ignore_case: bool = Field(False, description="whether upper and lower case are alike")
    ignore_whitespace: bool = Field(True, description="whether white space is one space, and none at the ends")
    ignore_punctuation: bool = Field(False, description="whether punctuation and symbols are left out")

    def _evaluate(self, sample: DataSample, **kwargs: Any) -> RewardResult:  # noqa: ANN401
        wanted = [self._plain(reference) for reference in references(sample)]
        if not all(wanted):
            raise bad_reference(sample, "a reference is empty, or only what the options leave out")
        answer = self._plain(self._answer(sample))
        for reference in wanted:
            if self._matches(answer, reference):
                return RewardResult.of(self.name, 1.0, f"{self.mode}: {reference[:80]}")
        return RewardResult.of(self.name, 0.0, "no reference matches")

    def _matches(self, answer: str, wanted: str) -> bool:
        if self.mode == "prefix":
            return answer.startswith(wanted)
        if self.mode == "suffix":
            return answer.endswith(wanted)
        return wanted in answer if self.mode == "contains" else answer == wanted

    def _plain(self, text: str) -> str:
        if self.ignore_case:
            text = text.casefold()
        if self.ignore_punctuation:
            text = _without_marks(text)
        return " ".join(text.split()) if self.ignore_whitespace else text


def _without_marks(text: str) -> str:
    """Leave out what Unicode calls punctuation or a symbol; the vowel signs of Hindi, which are neither, stay."""
    return text.translate({ord(char): None for char in set(text) if unicodedata.category(char)[0] in "PS"})
