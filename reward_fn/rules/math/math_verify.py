"""Whether an answer is mathematically the right one."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from reward_fn.base import BaseRuleReward, UnreadableResponseError
from reward_fn.rules.math.compare import Options, TooManyElementsError, equal
from reward_fn.rules.math.expressions import Expression, expression, too_complex
from reward_fn.rules.math.locate import Claim, claimed, golds
from reward_fn.rules.math.phrases import last_row
from reward_fn.rules.references import bad_reference, references, refuse_long
from reward_fn.rules.tokenizers import needed
from reward_fn.schema import DataSample, FailureKind, RewardError, RewardResult
from reward_fn.workers.together import call

_MARKED = ("last_box", "last_line", "last_number")
"""Parts of a response that are an answer, not running text."""


class _FormulaError(Exception):
    """A comparison needs math-verify."""


class MathVerifyReward(BaseRuleReward):
    r"""Whether the response's answer equals the reference mathematically.

    The answer is the last `\boxed{…}`, else `<answer>…</answer>`, what follows `####`, "the answer is" and the like,
    else the last formula or number. The reference is read as one answer, however data sets store it: bare LaTeX (MATH),
    in dollars, in a box, a worked solution with a box or `#### 18` (GSM8K), a number, text, letters of choices, a JSON
    list of texts (any of them is right).

    Numbers, texts and lists are compared here, formulas by math-verify in worker processes. A response that cannot be
    compared (a power tower) gets `on_unreadable` at once, one that takes longer than `timeout_s` after that time.

    A percentage is a hundredth, in every spelling: `10%`, `10\%` and `10 percent` equal 0.1, and do not equal 10 unless
    `percent_as_number` is set. Units are not compared unless both sides have one that is known: 5 meters is not 5 feet.
    What is read and what is equal, with the faults of math-verify that are worked around: docs/math.md.

    Example:
        >>> from reward_fn import DataOutput, DataSample, RewardRegistry, Step
        >>> step = Step(content=r"So it is \boxed{\sqrt{20}}.", label={"reference": r"2\sqrt{5}"})
        >>> RewardRegistry.get("math_verify_reward")().score(DataSample(output=[DataOutput(answer=step)]))[0].score
        1.0
    """

    formula: ClassVar[str] = "1 if the answer equals a reference, else 0"
    source: ClassVar[str] = "PyPI math-verify (Hugging Face), with golds read as answers"
    cost: ClassVar[str] = "process"
    version: ClassVar[int] = 2

    name: str = "math_verify_reward"
    percent_as_number: bool = Field(False, description="whether 10% equals 10 as well as 0.1")
    timeout_s: float = Field(5.0, gt=0, description="seconds that one comparison may take, from when it begins")
    float_rounding: int = Field(
        6, ge=0, description="decimals to which numbers are rounded, if one side is a decimal; significant ones below 1"
    )
    numeric_precision: int = Field(15, ge=1, description="digits to which formulas are evaluated")
    strict: bool = Field(True, description="whether names of variables and kinds of brackets matter")
    allow_set_relation_comp: bool = Field(
        False, description="whether an answer 1 < x < 2 equals a reference (1, 2); the reverse always does"
    )
    max_characters: int = Field(200_000, ge=1, description="characters of the longest response that is read")

    async def _aevaluate(self, sample: DataSample, **kwargs: Any) -> RewardResult:  # noqa: ANN401
        allowed = [gold for reference in references(sample) for gold in self._golds(sample, reference)]
        answer = self._answer(sample)
        refuse_long(answer, self.max_characters)
        claim = claimed(answer, marked=self.read in _MARKED)
        if not claim:
            raise UnreadableResponseError("the response claims no answer")
        shown = (claim.formula or claim.letter or claim.sentence)[:200]
        for source, gold in allowed:
            for candidate in _candidates(gold, claim):
                if await self._equal(sample, source, gold, candidate):
                    return RewardResult.of(self.name, 1.0, f"{shown} equals {source[:200]}")
        return RewardResult.of(self.name, 0.0, f"{shown} is not the reference")

    def _golds(self, sample: DataSample, reference: str) -> list[tuple[str, Expression]]:
        found = []
        for source in golds(reference):
            problem = too_complex(source) or ("" if _balanced(source) else "its braces do not match")
            gold = expression("" if problem else source)
            if not gold:
                why = problem or "it is empty"
                raise bad_reference(sample, f"the reference {reference[:80]!r} cannot be read: {why}")
            found.append((source, gold))
        return found

    async def _equal(self, sample: DataSample, source: str, gold: Expression, answer: str) -> bool:
        if (problem := too_complex(answer)) is not None:
            raise UnreadableResponseError(problem)
        options = Options(
            self.float_rounding,
            self.numeric_precision,
            self.strict,
            self.allow_set_relation_comp,
            self.percent_as_number,
        )
        try:
            return equal(gold, expression(answer), options, _unknown)
        except TooManyElementsError as error:
            raise UnreadableResponseError(str(error)) from error
        except _FormulaError:
            return await self._equal_formulas(sample, source, answer, options)

    async def _equal_formulas(self, sample: DataSample, gold: str, answer: str, options: Options) -> bool:
        needed("math_verify")
        from reward_fn.rules.math import verify

        try:
            found: bool | str = await call(verify.compare, gold, answer, options, timeout_s=self.timeout_s)
        except ValueError as error:
            raise bad_reference(sample, f"the reference {gold[:80]!r} cannot be compared: {error}") from error
        except RewardError as error:
            if error.failure.kind is not FailureKind.TIMEOUT:
                raise
            await self._check(sample, gold)
            raise UnreadableResponseError(f"comparing {answer[:80]!r} took longer than {self.timeout_s:g} s") from error
        if isinstance(found, str):
            raise UnreadableResponseError(found)
        return found

    async def _check(self, sample: DataSample, gold: str) -> None:
        """Make sure that it was not the reference that took too long."""
        from reward_fn.rules.math import verify

        try:
            await call(verify.check, gold, timeout_s=self.timeout_s)
        except RewardError as error:
            why = error.failure.detail
            raise bad_reference(sample, f"the reference {gold[:80]!r} cannot be compared: {why}") from error


def _unknown(gold: Expression, answer: Expression, options: Options) -> bool:
    raise _FormulaError


def _candidates(gold: Expression, claim: Claim) -> list[str]:
    """Return the readings of a claim that fit the gold's kind: a letter, text, or a formula."""
    if gold.words or (len(gold.text) == 1 and gold.text.isalpha()):
        readings = [claim.letter, claim.sentence, claim.formula]
        if claim.letter and len(gold.text) == 1 and gold.text.upper() in "ABCDEFGHIJ":
            readings = [claim.letter]
        return list(dict.fromkeys(filter(None, readings)))
    if claim.percent:
        return [claim.formula, rf"{claim.formula}\%"]
    if not claim.formula:
        return [claim.letter or claim.sentence]
    return list(dict.fromkeys([claim.formula, last_row(claim.formula)]))


def _balanced(source: str) -> bool:
    text = source.replace(r"\\", "").replace(r"\{", "").replace(r"\}", "")
    return text.count("{") == text.count("}")
