"""BLEU and chrF of one answer, computed by sacrebleu."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator
from typing_extensions import Self

from reward_fn.base import BaseRuleReward
from reward_fn.rules.references import bad_reference, references, refuse_long
from reward_fn.rules.tokenizers import needed
from reward_fn.schema import DataSample, FailureKind, RewardError, RewardResult

_TEXTS_KEPT = 64


class _SacrebleuReward(BaseRuleReward):
    """A metric of sacrebleu, from 0 to 1 where sacrebleu says 0 to 100; all references count together."""

    version: ClassVar[int] = 2
    cost: ClassVar[str] = "heavy"

    max_characters: int = Field(50_000, ge=1, description="characters of the longest text that is scored")

    def _metric(self) -> Any:  # noqa: ANN401 - sacrebleu has no types
        raise NotImplementedError

    def _evaluate(self, sample: DataSample, **kwargs: Any) -> RewardResult:  # noqa: ANN401
        wanted = references(sample, self.max_characters)
        if not all(map(str.strip, wanted)):
            raise bad_reference(sample, "the reference is empty")
        answer = self._answer(sample)
        refuse_long(answer, self.max_characters)
        score = self._metric().sentence_score(answer, wanted)
        return RewardResult.of(self.name, min(score.score / 100, 1.0), str(score))


class BleuReward(_SacrebleuReward):
    """Sentence BLEU of the answer and the references.

    With exponential smoothing and the order cut to the answer's length, as sacrebleu does for sentences.
    """

    formula: ClassVar[str] = "brevity penalty * geometric mean of the 1- to 4-gram precisions"
    source: ClassVar[str] = "Papineni et al. 2002, BLEU; Post 2018, sacrebleu"

    name: str = "bleu"
    tokenize: Literal["13a", "intl", "zh", "char", "none", "ja-mecab", "ko-mecab"] = Field(
        "13a", description="sacrebleu's tokenizer; those for Japanese and Korean need sacrebleu[ja] and sacrebleu[ko]"
    )
    smooth_method: Literal["exp", "floor", "add-k", "none"] = Field("exp", description="sacrebleu's smoothing")
    smooth_value: float | None = Field(
        None, gt=0, le=1, description="what floor and add-k put in or add, n-grams; None: 0.1 and 1"
    )
    lowercase: bool = Field(False, description="whether upper and lower case are alike")

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        if self.smooth_value is not None and self.smooth_method not in ("floor", "add-k"):
            raise ValueError("smooth_value needs smooth_method='floor' or smooth_method='add-k'")
        return self

    def _metric(self) -> Any:  # noqa: ANN401
        return _bleu(self.tokenize, self.smooth_method, self.smooth_value, self.lowercase)


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
def _bleu(tokenize: str, smooth_method: str, smooth_value: float | None, lowercase: bool) -> Any:  # noqa: ANN401
    bleu = needed("sacrebleu.metrics").BLEU
    try:
        metric = bleu(lowercase, tokenize=tokenize, smooth_method=smooth_method, smooth_value=smooth_value,
                      effective_order=True)  # fmt: skip
    except RuntimeError as error:
        extra = tokenize.partition("-")[0]
        detail = f"sacrebleu's tokenizer {tokenize} is not installed; install it with: pip install 'sacrebleu[{extra}]'"
        raise RewardError(FailureKind.UNAVAILABLE, detail) from error
    # The answers of a group are compared with the same references.
    metric.tokenizer = lru_cache(_TEXTS_KEPT)(_forgetful(metric.tokenizer))
    return metric


def _forgetful(tokenizer: Any) -> Callable[[str], str]:  # noqa: ANN401
    """Return one of sacrebleu's tokenizers without its memory, which keeps the last 65,536 texts: gigabytes of them."""
    inner = getattr(tokenizer, "_post_tokenizer", None)
    if inner is not None:
        tokenizer._post_tokenizer = _forgetful(inner)
    call = type(tokenizer).__call__
    return partial(getattr(call, "__wrapped__", call), tokenizer)


@lru_cache
def _chrf(char_order: int, word_order: int, beta: int, lowercase: bool) -> Any:  # noqa: ANN401
    metric = needed("sacrebleu.metrics").CHRF
    return metric(char_order=char_order, word_order=word_order, beta=beta, lowercase=lowercase)
