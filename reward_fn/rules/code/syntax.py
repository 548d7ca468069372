"""Whether the Python in an answer can be parsed."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from reward_fn.rules.code.python import PythonReward, parsed
from reward_fn.schema import DataSample, RewardResult


class SyntaxCheckReward(PythonReward):
    """The share of the answer's Python blocks that parse, with a penalty if one does not.

    Python blocks are fenced ones of `python`, `py` or `python3`, in any case, and those without a language. The grammar
    is that of the running Python; IPython's `%magic` and sessions with `>>>` are not Python. Blocks without a statement
    do not count as right: an empty block earns nothing. Unlike with RM-Gallery, an answer without code is not better
    than one whose code is broken: it gets `-penalty`.
    """

    version: ClassVar[int] = 2
    formula: ClassVar[str] = "blocks that parse / blocks - penalty, if one does not parse; no block: -penalty"
    source: ClassVar[str] = "RM-Gallery; CPython's parser"

    name: str = "code_syntax_check"
    penalty: float = Field(0.5, ge=0, allow_inf_nan=False, description="what one or more broken blocks cost")

    @property
    def score_range(self) -> tuple[float, float]:
        """From no right block to all."""
        return 0.0 - self.penalty, 1.0

    def _evaluate(self, sample: DataSample, **kwargs: Any) -> RewardResult:  # noqa: ANN401
        blocks, others = self._blocks(sample)
        found = [parsed(code) for code in blocks]
        faults = [f"block {place}, {fault}" for place, fault in enumerate(found, 1) if isinstance(fault, str)]
        valid = len(blocks) - len(faults)
        if not blocks:
            score, reason = 0.0 - self.penalty, "no Python block"
        else:
            score = valid / len(blocks) - (self.penalty if faults else 0.0)
            reason = "; ".join([f"{valid} of {len(blocks)} Python blocks parse", *faults[:1]])
        return RewardResult.of(self.name, score, reason, blocks=len(blocks), valid=valid, other_languages=others)
