"""A figure and the formula that it comes from: what is shown is what was computed."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

GIB = 2**30

_FUNCTIONS = {"ceil": math.ceil, "min": min, "max": max}
_NAME = re.compile(r"[A-Za-z_]+")


class Unit(str, Enum):
    """What a figure counts."""

    GIB = "GiB"
    """Bytes, shown in GiB."""
    TOKENS = "tokens"
    SECONDS = "s"
    COUNT = ""


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of a plan.

    Attributes:
        what: What it is.
        formula: How it is computed, in the names of a plan's symbols.
        numbers: The formula with the numbers in place of the names.
        value: What comes out: bytes, tokens, seconds or a count.
        unit: Which of these.
    """

    what: str
    formula: str
    numbers: str
    value: float
    unit: Unit

    @property
    def shown(self) -> str:
        """The value as one reads it."""
        return shown(self.value, self.unit)

    def __str__(self) -> str:
        steps = dict.fromkeys((self.formula, self.numbers, self.shown))
        return f"{self.what}: {' = '.join(steps)}"


def figure(what: str, formula: str, symbols: Mapping[str, float], unit: Unit = Unit.GIB) -> Figure:
    """Compute a figure from the formula that is shown.

    Args:
        what: What it is.
        formula: A Python expression in the symbols and GiB; `ceil`, `min` and `max` may be called.
        symbols: The value of each name.
        unit: What comes out.
    """
    # The formulas are written in this package; none comes from a user.
    value = eval(formula, {"__builtins__": {}, "GiB": GIB, **_FUNCTIONS}, dict(symbols))
    numbers = _NAME.sub(lambda name: _number(symbols[name[0]]) if name[0] in symbols else name[0], formula)
    return Figure(what, formula.replace("*", "x"), numbers.replace("*", "x"), value, unit)


def shown(value: float, unit: Unit) -> str:
    """Return a value with its unit as one reads it."""
    if unit is Unit.GIB:
        return f"{value / GIB:,.1f} GiB"
    if unit is Unit.SECONDS:
        return f"{value:,.1f} s"
    return f"{value:,.0f} {unit.value}".rstrip()


def _number(value: float) -> str:
    whole = float(value).is_integer()
    return f"{value:,.0f}" if whole and value < 1e13 else f"{value:.4g}"
