"""ROUGE, as the package `rouge-score` computes it, in a hundredth of the time."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import cache, lru_cache
from itertools import pairwise
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator
from typing_extensions import Self

from reward_fn.base import BaseRuleReward, UnreadableResponseError
from reward_fn.rules.references import bad_reference, references
from reward_fn.rules.text.lcs import common_length
from reward_fn.rules.tokenizers import needed, tokenizer
from reward_fn.schema import DataSample, RewardResult

_WORD = re.compile(r"[a-z0-9]+")
_MOST_STEMMED = 8_000
"""Different words whose stems take some tenths of a second."""
_LONGEST_KEPT = 32
"""Letters of the longest word whose stem is kept."""

Scores = tuple[float, float, float]
"""F-measure, precision and recall."""


class RougeReward(BaseRuleReward):
    """ROUGE-1, ROUGE-2 or ROUGE-L of the answer and the reference; of several references the best.

    Words are runs of the letters a to z and digits, as in the package rouge-score, whose figures these are; for other
    scripts set `tokenizer_type`. RM-Gallery splits at white space. A reference without words is a failure. A response
    is unreadable if with ROUGE-L it and the reference have more than 4e8 pairs of words (20,000 times 20,000), not
    counted what both begin and end with and words that only one of them has, or if with the stemmer it has more than
    8,000 different words.
    """

    formula: ClassVar[str] = "2PR / (P + R), with common n-grams or the longest common subsequence over the lengths"
    source: ClassVar[str] = "Lin 2004, ROUGE: A Package for Automatic Evaluation of Summaries; PyPI rouge-score"

    version: ClassVar[int] = 2
    cost: ClassVar[str] = "heavy"

    name: str = "rouge"
    variant: Literal["rouge1", "rouge2", "rougeL"] = Field("rougeL", description="what is compared")
    measure: Literal["fmeasure", "precision", "recall"] = Field("fmeasure", description="which figure is the score")
    use_stemmer: bool = Field(False, description="whether words of more than 3 letters are cut by Porter's stemmer")
    tokenizer_type: str = Field("rouge", description="rouge, or one of `reward_fn.rules.tokenizers`")

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        if self.use_stemmer and self.tokenizer_type != "rouge":
            raise ValueError("use_stemmer needs tokenizer_type='rouge'")
        return self

    def _evaluate(self, sample: DataSample, **kwargs: Any) -> RewardResult:  # noqa: ANN401
        try:
            wanted = [self._words(reference) for reference in references(sample)]
        except UnreadableResponseError as error:
            raise bad_reference(sample, f"the reference cannot be read: {error}") from error
        if not all(wanted):
            raise bad_reference(sample, "the reference has no words")
        answer = self._words(self._answer(sample))
        scores = [self._score(answer, reference) for reference in wanted]
        index = ("fmeasure", "precision", "recall").index(self.measure)
        best = max(scores, key=lambda score: score[index])
        return RewardResult.of(self.name, best[index], f"precision {best[1]:.3f}, recall {best[2]:.3f}")

    def _words(self, text: str) -> list[str]:
        if self.tokenizer_type != "rouge":
            return tokenizer(self.tokenizer_type)(text)
        words = _WORD.findall(text.lower())
        if not self.use_stemmer:
            return words
        different = {word for word in words if len(word) > 3}
        if len(different) > _MOST_STEMMED:
            raise UnreadableResponseError(f"{len(different):,} different words are too many to stem")
        stem = _stemmer()
        stems = {word: stem(word) for word in different}
        return [stems.get(word, word) for word in words]

    def _score(self, answer: list[str], reference: list[str]) -> Scores:
        if self.variant == "rougeL":
            common = common_length(answer, reference, "words are too many for ROUGE-L")
            return _f1(common, len(answer), len(reference))
        n = 1 if self.variant == "rouge1" else 2
        wanted = Counter(_ngrams(reference, n))
        found = Counter(filter(wanted.__contains__, _ngrams(answer, n)))
        common = sum((found & wanted).values())
        return _f1(common, len(answer) - n + 1, len(reference) - n + 1)


def _ngrams(words: Sequence[str], n: int) -> Iterable[object]:
    return words if n == 1 else pairwise(words)


def _f1(common: int, answer: int, reference: int) -> Scores:
    if not common:
        return 0.0, 0.0, 0.0
    precision, recall = common / answer, common / reference
    return 2 * precision * recall / (precision + recall), precision, recall


@cache
def _stemmer() -> Callable[[str], str]:
    stem: Callable[[str], str] = needed("nltk.stem.porter").PorterStemmer().stem
    kept = lru_cache(2**16)(stem)

    def stemmed(word: str) -> str:
        return kept(word) if len(word) <= _LONGEST_KEPT else stem(word)

    return stemmed
