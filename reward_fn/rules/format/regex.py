"""Whether an answer has the form that a regular expression describes."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator
from typing_extensions import Self

from reward_fn.base import READ, BaseRuleReward, Read, UnreadableResponseError
from reward_fn.rules.tokenizers import needed
from reward_fn.schema import DataSample, RewardResult


class RegexMatchReward(BaseRuleReward):
    """Whether a regular expression matches the response.

    It is run by the package `regex`, whose syntax is that of Python's `re` and which has a time limit: a response on
    which the pattern takes too long is unreadable. The package looks at the clock from time to time, so that on a text
    of a megabyte it may be late by some tenths of a second.
    """

    version: ClassVar[int] = 2
    formula: ClassVar[str] = "1 if the pattern matches, else 0"

    name: str = "regex_match"
    read: Read = Field("whole", description=READ)
    pattern: str = Field(description="the regular expression")
    mode: Literal["fullmatch", "search"] = Field("fullmatch", description="all of the text, or anywhere in it")
    flags: str = Field("", pattern="^[ims]*$", description="i: any case; m: ^ and $ at lines; s: . is a newline too")
    timeout_s: float = Field(0.1, gt=0, description="seconds that one response may take")

    @model_validator(mode="after")
    def _compiles(self) -> Self:
        try:
            _compiled(self.pattern, self.flags)
        except needed("regex").error as error:
            raise ValueError(f"the pattern is no regular expression: {error}") from error
        return self

    def _evaluate(self, sample: DataSample, **kwargs: Any) -> RewardResult:  # noqa: ANN401
        text, compiled = self._answer(sample), _compiled(self.pattern, self.flags)
        match = compiled.fullmatch if self.mode == "fullmatch" else compiled.search
        try:
            found = match(text, timeout=self.timeout_s, concurrent=True) is not None
        except TimeoutError as error:
            detail = f"the pattern {self.pattern!r} took longer than {self.timeout_s} s"
            raise UnreadableResponseError(detail) from error
        return RewardResult.of(
            self.name, float(found), "the pattern matches" if found else "the pattern does not match"
        )


@lru_cache(maxsize=128)
def _compiled(pattern: str, flags: str) -> Any:  # noqa: ANN401 - regex has no types
    inline = f"(?{flags})" if flags else ""
    return needed("regex").compile(inline + pattern)
