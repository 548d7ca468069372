"""How alike two patches are."""

from __future__ import annotations

import re
from typing import Any, ClassVar, Literal

from pydantic import Field

from reward_fn.base import BaseRuleReward
from reward_fn.rules.fences import fenced
from reward_fn.rules.references import bad_reference, references, refuse_long
from reward_fn.rules.text.lcs import common_length
from reward_fn.schema import DataSample, RewardResult

_PLACE = re.compile(r"@@ |index [0-9a-f]+\.\.")
"""How the lines of a patch begin that say where, and not what, it changes."""


class PatchSimilarityReward(BaseRuleReward):
    """How much of the answer's patch and the reference's is the same, in the same order.

    A patch is what stands in the fenced blocks of `diff` or `patch`, else in the first one without a language, else the
    whole text. By lines, white space at their ends, blank lines, and the lines `@@ …` and `index …` do not count: they
    hold positions and hashes. Of several references the best counts; a reference without a patch is a failure.

    RM-Gallery and SWE-RL (arXiv 2502.18449) compare characters by `difflib.SequenceMatcher`, whose matches are greedy:
    the ratio depends on which patch comes first, takes up to cubic time, and is never above `unit="characters"` here.
    RM-Gallery's leaves out frequent characters too, which in texts of 200 or more are nearly all. Lines are the default
    since they tell patches apart: patches that have nothing to do with each other share a third of their characters.
    """

    version: ClassVar[int] = 2
    formula: ClassVar[str] = "2 * longest common subsequence / (lines or characters of both patches)"
    source: ClassVar[str] = "RM-Gallery; Wei et al. 2025, SWE-RL; the ratio is that of the indel distance"

    name: str = "code_patch_similarity"
    unit: Literal["lines", "characters"] = Field("lines", description="what is compared")
    max_characters: int = Field(
        200_000, ge=1, le=1_000_000, description="characters of the longest patch that is compared"
    )

    def _evaluate(self, sample: DataSample, **kwargs: Any) -> RewardResult:  # noqa: ANN401
        patches = [_patch(reference) for reference in references(sample)]
        if any(len(patch) > self.max_characters for patch in patches):
            raise bad_reference(sample, f"the reference has more than {self.max_characters:,} characters")
        wanted = [self._items(patch) for patch in patches]
        if not all(wanted):
            raise bad_reference(sample, "the reference has no patch")
        patch = _patch(self._indented_answer(sample))
        refuse_long(patch, self.max_characters, "the answer's patch")
        answer = self._items(patch)
        scores = [self._similarity(answer, reference) for reference in wanted]
        reason = f"{len(answer)} {self.unit} in the answer's patch" if answer else "no patch"
        return RewardResult.of(self.name, max(scores), reason)

    def _items(self, patch: str) -> list[str] | str:
        if self.unit == "characters":
            return patch
        lines = [line.rstrip() for line in patch.split("\n")]
        return [line for line in lines if line and not (line[0] in "@i" and _PLACE.match(line))]

    def _similarity(self, answer: list[str] | str, reference: list[str] | str) -> float:
        common = common_length(answer, reference, f"{self.unit} are too many to compare")
        return 2 * common / (len(answer) + len(reference))


def _patch(text: str) -> str:
    """Return the patch in a text, without white lines around it."""
    if text.lstrip().startswith(("diff ", "--- ")):  # a patch of Markdown has fences too
        return text.strip("\r\n")
    blocks = list(fenced(text))
    marked = [content for language, content in blocks if language in ("diff", "patch")]
    plain = [content for language, content in blocks if not language]
    return "\n".join(marked or plain[:1] or [text]).strip("\r\n")
