"""BLEU and chrF of one answer, computed by sacrebleu."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, ClassVar, Literal

from pydantic import Field

from reward_fn.base import BasePointWiseReward, answer_text
from reward_fn.rules.references import references, refuse_long
from reward_fn.rules.tokenizers import needed
from reward_fn.schema import DataSample, FailureKind, RewardError, RewardResult


class _SacrebleuReward(BasePointWiseReward):
    """A metric of sacrebleu, from 0 to 1 where sacrebleu says 0 to 100; all references count together."""

    cost: ClassVar[str] = "heavy"

    max_characters: int = Field(50_000, ge=1, description="characters of the longest text that is scored")

    def _metric(self) -> Any:  # noqa: ANN401 - sacrebleu has no types
        raise NotImplementedError

    def _evaluate(self, sample: DataSample, **kwargs: Any) -> RewardResult:  # noqa: ANN401
        answer, wanted = answer_text(sample), references(sample)
        refuse_long(answer, self.max_characters)
        for reference in wanted:
            refuse_long(reference, self.max_characters, "the reference")
            if not reference.strip():
                raise RewardError(FailureKind.BAD_INPUT, "the reference is empty")
        score = self._metric().sentence_score(answer, wanted)
        return RewardResult.of(self.name, min(score.score / 100, 1.0), str(score))


class BleuReward(_SacrebleuReward):
    """Sentence BLEU of the answer and the references.

    With exponential smoothing and the order cut to the answer's length, as sacrebleu does for sentences.
    """

    formula: ClassVar[str] = "brevity penalty * geometric mean of the 1- to 4-gram precisions"
    source: ClassVar[str] = "Papineni et al. 2002, BLEU; Post 2018, sacrebleu"

    name: str = "bleu"
    tokenize: Literal["13a", "intl", "zh", "char", "none"] = Field("13a", description="sacrebleu's tokenizer")
    smooth_method: Literal["exp", "floor", "add-k", "none"] = Field("exp", description="sacrebleu's smoothing")
    lowercase: bool = Field(False, description="whether upper and lower case are alike")

    def _metric(self) -> Any:  # noqa: ANN401
        return _bleu(self.tokenize, self.smooth_method, self.lowercase)


class ChrfReward(_SacrebleuReward):
    """chrF of the answer and the references: F-score of character n-grams.

    With `word_order=2` it is chrF++.
    """

    formula: ClassVar[str] = "(1 + beta^2) P R / (beta^2 P + R), P and R the means over the n-gram orders"
    source: ClassVar[str] = "Popović 2015, chrF; Popović 2017, chrF++; sacrebleu"

    name: str = "chrf"
    char_order: int = Field(6, ge=1, le=20, description="the longest n-gram of characters")
    word_order: int = Field(0, ge=0, le=10, description="the longest n-gram of words; 2 for chrF++")
    beta: int = Field(2, ge=1, description="how many times recall counts as much as precision")
    lowercase: bool = Field(False, description="whether upper and lower case are alike")

    def _metric(self) -> Any:  # noqa: ANN401
        return _chrf(self.char_order, self.word_order, self.beta, self.lowercase)


@lru_cache
def _bleu(tokenize: str, smooth_method: str, lowercase: bool) -> Any:  # noqa: ANN401
    metric = needed("sacrebleu.metrics").BLEU
    return metric(tokenize=tokenize, smooth_method=smooth_method, lowercase=lowercase, effective_order=True)


@lru_cache
def _chrf(char_order: int, word_order: int, beta: int, lowercase: bool) -> Any:  # noqa: ANN401
    metric = needed("sacrebleu.metrics").CHRF
    return metric(char_order=char_order, word_order=word_order, beta=beta, lowercase=lowercase)
