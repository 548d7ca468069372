r"""What `math_verify_reward` has a worker process do. Importing this imports math-verify and sympy.

math-verify compares; what it is given is normalised before (`expressions`), and what it says is guarded here, against
faults of math-verify 0.9.0 with latex2sympy2_extended 1.11.0:

- Own normal form, and `units=False`: `\frac{1}{\mathrm{e}}` loses its denominator, and units are cut off variables
  (`5t` is 5). Remove when units are parsed.
- `_size`: `10^{10^{10}}`, `99999999!` and long sums are evaluated. Remove when evaluation is bounded.
- `_near`: numbers are rounded absolutely, so `1/2^{99}` equals `1/2^{98}`. Remove when rounding is relative.
- `_same_symbols`: a number can equal a formula with variables. Remove when free symbols are compared.
"""

from __future__ import annotations

import logging
import math
import re
from functools import lru_cache
from typing import Any

import sympy
from latex2sympy2_extended.latex2sympy2 import NormalizationConfig, latex2sympy, normalize_latex
from math_verify.grader import should_treat_as_complex, verify
from sympy import Basic, MatrixBase

from reward_fn.rules.math.compare import Options, TooManyElementsError, equal
from reward_fn.rules.math.expressions import Expression, expression

logging.getLogger("math_verify").setLevel(logging.ERROR)  # it warns of each time limit that is off
_NORMAL = NormalizationConfig(basic_latex=True, units=False, malformed_operators=True, nits=True, boxed="none")

_MOST_DIGITS = 4_000
"""Decimal digits of the largest number that is evaluated."""
_MOST_TERMS = 1_000
"""Terms of the longest sum or product, or of the largest power of a sum, that is evaluated."""
_MOST_NODES = 600
"""Nodes of the largest formula that is simplified."""
_HIGHEST = 8
"""Powers and functions inside of each other that are simplified."""
_LONGEST = 2_000
"""Characters of the longest formula that is parsed."""


class ExplosiveError(Exception):
    """A formula is too expensive to evaluate."""


def compare(gold: str, answer: str, options: Options) -> bool | str:
    """Compare an answer with the right one, as `compare.equal` does.

    math-verify's own time limits are off: they only work in a main thread, and hide what they end. The worker has one.

    Returns:
        Whether they are equal; or why the answer cannot be compared.

    Raises:
        ValueError: The gold cannot be compared.
    """
    _readable(gold)
    try:
        return equal(expression(gold), expression(answer), options, _equal_formulas)
    except (ExplosiveError, TooManyElementsError) as error:
        return str(error)
    except RecursionError:
        return "the formula is nested too deeply"


def check(gold: str) -> None:
    """Compare a gold with a plain number, to find out whether it is the gold that takes long.

    Raises:
        ValueError: The gold is too expensive to evaluate.
    """
    found = _readable(gold)
    if isinstance(found, sympy.Expr):
        verify(found, sympy.Integer(104_729), timeout_seconds=None)


def _readable(gold: str) -> Any:  # noqa: ANN401 - sympy's types
    try:
        latex = expression(gold).latex
        return _parsed(latex, should_treat_as_complex(latex))
    except ExplosiveError as error:
        raise ValueError(str(error)) from error


def _equal_formulas(gold: Expression, answer: Expression, options: Options) -> bool:
    is_complex = should_treat_as_complex(gold.latex) or should_treat_as_complex(answer.latex)
    mine, theirs = _parsed(gold.latex, is_complex), _parsed(answer.latex, is_complex)
    if mine is None or theirs is None or not _same_symbols(mine, theirs):
        return False
    try:
        if options.strict and _differ(mine, theirs, options.float_rounding):
            return False
    except Exception:  # noqa: BLE001 - sympy raises anything for formulas that make no sense together
        return False
    found = verify(
        mine,
        theirs,
        float_rounding=options.float_rounding,
        numeric_precision=options.numeric_precision,
        strict=options.strict,
        allow_set_relation_comp=options.allow_set_relation_comp,
        timeout_seconds=None,
    )
    return bool(found) and _near(mine, theirs, options.float_rounding)


@lru_cache(maxsize=256)
def _parsed(latex: str, is_complex: bool) -> Any:  # noqa: ANN401 - sympy's types
    """Return a formula as sympy has it; None if it cannot be parsed.

    Raises:
        ExplosiveError: It is too expensive to evaluate.
    """
    if len(latex) > _LONGEST:
        raise ExplosiveError(f"a formula of {len(latex):,} characters is longer than {_LONGEST:,}")
    if _EXPLOSIVE_TEXT.search(latex):
        raise ExplosiveError("the formula has a number that is too large to evaluate")
    normal = normalize_latex(latex, _NORMAL)
    try:
        found = latex2sympy(normal, is_real=not is_complex, convert_degrees=False, normalization_config=None)
    except RecursionError:
        raise ExplosiveError("the formula is nested too deeply") from None
    except Exception:  # noqa: BLE001 - the parser raises anything for what it cannot read
        return None
    if not isinstance(found, (Basic, MatrixBase)):
        return None
    _refuse_explosive(found)
    if is_complex and isinstance(found, sympy.Expr) and not found.has(sympy.Sum, sympy.Product):
        return found.subs({one: sympy.I for one in found.free_symbols if one.name == "i"})
    return found


_EXPLOSIVE_TEXT = re.compile(r"\\binom\{?(?:\d{4,}|[^{}]*\^)|\d{1000,}|!{3,}")
"""Large numbers that the parser itself evaluates."""


def _refuse_explosive(found: Basic | MatrixBase) -> None:
    parts = list(found) if isinstance(found, MatrixBase) else [found]
    if sum(1 for one in parts for _ in sympy.preorder_traversal(one)) > _MOST_NODES:
        raise ExplosiveError("the formula has too many parts to simplify")
    for one in parts:
        if _size(one) > _MOST_DIGITS:
            raise ExplosiveError("the formula has a number that is too large to evaluate")
        if _terms(one) > _MOST_TERMS:
            raise ExplosiveError("the formula has too many terms to multiply out")
        if _tower(one) > _HIGHEST:
            raise ExplosiveError("the formula has too many powers of powers")


def _terms(found: Any) -> float:  # noqa: ANN401 - sympy's types
    """Return how many terms a formula has when it is multiplied out, at most."""
    if not isinstance(found, Basic) or not found.args:
        return 1.0
    if isinstance(found, MatrixBase) or getattr(found, "is_Matrix", False):
        return (
            1.0 if not isinstance(found, sympy.MatPow) or (found.exp.is_number and abs(found.exp) <= 10) else math.inf
        )
    terms = [_terms(argument) for argument in found.args]
    if isinstance(found, sympy.Add):
        return sum(terms)
    if isinstance(found, sympy.Mul):
        return math.prod(terms)
    if isinstance(found, sympy.Pow) and terms[0] > 1 and found.exp.is_number and not found.base.is_number:
        power = min(abs(complex(found.exp)), 10.0**6)
        return (
            float(math.comb(int(power + terms[0]) - 1, int(terms[0]) - 1))
            if power > 1 and terms[0] < 50
            else terms[0] ** power
        )
    return max(terms)


def _tower(found: Any) -> int:  # noqa: ANN401 - sympy's types
    """Return how many powers, roots or functions lie in each other's exponents or arguments."""
    if not isinstance(found, Basic) or not found.args:
        return 0
    deep = max(map(_tower, found.args))
    return deep + isinstance(found, (sympy.Pow, sympy.Function, sympy.Integral))


def _size(found: Any) -> float:  # noqa: ANN401 - sympy's types
    """Return about how many decimal digits a formula's numbers have when it is evaluated; infinity for too many."""
    if isinstance(found, sympy.Integer):
        return math.log10(abs(found.p)) if found.p else 0.0
    if isinstance(found, sympy.Number):
        return abs(math.log10(abs(float(found)))) if found.is_finite and found and abs(found) < 1e300 else 1.0
    if not isinstance(found, Basic):
        return 1.0
    sizes = [_size(argument) for argument in found.args]
    largest = max(sizes, default=0.0)
    if isinstance(found, sympy.Pow):
        return _power(found, sizes)
    if isinstance(found, sympy.factorial) or type(found).__name__ in ("factorial2", "subfactorial", "gamma"):
        return math.inf if largest > 4 else max(largest, 10 ** min(largest, 5))
    if isinstance(found, sympy.binomial):
        return math.inf if largest > 5 else max(largest, 10.0)
    if isinstance(found, (sympy.Sum, sympy.Product)):
        for limits in found.limits:
            ends = [end for end in limits[1:] if end.is_number and end.is_finite]
            if largest == math.inf or (len(ends) == 2 and abs(float(ends[1]) - float(ends[0])) > _MOST_TERMS):
                return math.inf
    return largest


def _power(found: Any, sizes: list[float]) -> float:  # noqa: ANN401 - sympy's types
    base, exponent = found.args
    if max(sizes) == math.inf:
        return math.inf
    if exponent.is_number:
        if sizes[1] > 6:
            return math.inf if not (base.is_number and base in (0, 1, -1)) else 1.0
        try:
            power = abs(float(exponent))
        except (TypeError, ValueError, OverflowError):
            return max(sizes)
        if not base.is_number:
            return max(sizes)
        return max(sizes[0] * power if power > 1 else sizes[0], sizes[1])
    return max(sizes)


def _same_symbols(gold: Any, answer: Any) -> bool:  # noqa: ANN401 - sympy's types
    """Return whether the answer has no variables where the gold has none."""
    if not isinstance(gold, Basic) or not isinstance(answer, Basic):
        return True
    if isinstance(answer, (sympy.Symbol, sympy.Rel, sympy.And, sympy.Set)):
        return True  # compared by name, solved, or as a set
    return bool(gold.free_symbols) or not answer.free_symbols


def _near(gold: Any, answer: Any, decimals: int) -> bool:  # noqa: ANN401 - sympy's types
    """Return whether numbers that were found equal are so relative to their size."""
    if not (isinstance(gold, sympy.Expr) and isinstance(answer, sympy.Expr) and gold.is_number and answer.is_number):
        return True
    try:
        mine, theirs = sympy.N(gold, 30), sympy.N(answer, 30)
        size = abs(mine)
        if not size.is_finite:
            return True
        return bool(abs(mine - theirs) <= sympy.Float(10) ** -decimals * min(size, 1)) if size else not theirs
    except (TypeError, ValueError, AttributeError):
        return True


_HARD = (sympy.Integral, sympy.Sum, sympy.Product, sympy.Limit, sympy.Derivative)


def _differ(gold: Any, answer: Any, decimals: int) -> bool:  # noqa: ANN401 - sympy's types
    """Return whether formulas certainly differ, since their values at some point do.

    It saves simplifying and solving what is wrong, which takes sympy seconds.
    """
    if isinstance(gold, MatrixBase) and isinstance(answer, MatrixBase):
        if gold.shape != answer.shape:
            return True
        return any(_differ(one, other, decimals) for one, other in zip(gold, answer, strict=True))
    if isinstance(gold, sympy.Eq) and isinstance(answer, sympy.Eq):
        return _other_equation(gold, answer, decimals)
    if not (isinstance(gold, sympy.Expr) and isinstance(answer, sympy.Expr)):
        return False
    if isinstance(gold, sympy.Symbol) or isinstance(answer, sympy.Symbol):
        return False  # compared by name
    tolerance = 10.0**-decimals if gold.has(sympy.Float) or answer.has(sympy.Float) else 1e-9
    for shift in (0.0, 0.31):
        mine, theirs = _value(gold, shift), _value(answer, shift)
        if mine is None or theirs is None:
            return False
        if abs(mine - theirs) > tolerance * max(1.0, abs(mine)):
            return True
    return False


def _other_equation(gold: Any, answer: Any, decimals: int) -> bool:  # noqa: ANN401 - sympy's types
    """Return whether equations are of other variables, or polynomials of one degree and no multiples of each other."""
    names = sorted(symbol.name for symbol in gold.free_symbols)
    if names != sorted(symbol.name for symbol in answer.free_symbols):
        return True
    if not names:
        return _differ(gold.lhs, answer.lhs, decimals) or _differ(gold.rhs, answer.rhs, decimals)
    mine, theirs = gold.lhs - gold.rhs, answer.lhs - answer.rhs
    if not (mine.is_polynomial() and theirs.is_polynomial()):
        return False
    if sympy.Poly(mine).total_degree() != sympy.Poly(theirs).total_degree():
        return False
    values = [(_value(mine, shift), _value(theirs, shift)) for shift in (0.0, 0.31, 0.57)]
    known = [(one, two) for one, two in values if one and two]
    if len(known) < len(values):
        return False
    ratio = known[0][0] / known[0][1]
    return any(abs(one / two - ratio) > 1e-9 * abs(ratio) for one, two in known)


def _value(found: Any, shift: float) -> complex | None:  # noqa: ANN401 - sympy's types
    """Return a formula's value where its variables have values that depend on their names; None if it has none."""
    if found.has(*_HARD):
        return None
    values = {
        symbol: 0.6 + shift + (sum(symbol.name.encode()) * 0.6180339887498949) % 1.0 for symbol in found.free_symbols
    }
    try:
        value = complex(found.evalf(15, subs=values))
    except (TypeError, ValueError, OverflowError, ZeroDivisionError, AttributeError):
        return None
    return value if math.isfinite(value.real) and math.isfinite(value.imag) else None
