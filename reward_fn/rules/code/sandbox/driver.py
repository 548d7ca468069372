"""What happens in the process of a case: the program is run, or loaded and asked for a value.

Only the standard library and `values` are imported, and the source runs by itself as well: remote sandboxes get it as
text. Nothing here is trusted by the side that compares: the program shares the process and may change any of it.
"""

from __future__ import annotations

import builtins
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import cache
from types import ModuleType
from typing import Any

from reward_fn.rules.code.sandbox.values import dumps, loads

PRELUDE = """
import bisect, collections, copy, datetime, decimal, fractions, functools, heapq, itertools, math, operator, random, re
import statistics, string, sys
from bisect import *
from collections import *
from functools import *
from heapq import *
from itertools import *
from math import ceil, comb, factorial, floor, gcd, inf, isqrt, log, log2, sqrt
from typing import *
"""
"""What judges of code (LeetCode, APPS) import before a solution, and solutions therefore do not."""


class Step(str, Enum):
    """What is done with a piece of source once the program is loaded."""

    RUN = "run"
    """It is run; if it fails, so do all steps after it."""
    VALUE = "value"
    """It is an expression, whose value is reported."""
    CHECK = "check"
    """It is run, and if it comes to its end, `true` is reported."""


@dataclass(frozen=True)
class Task:
    """One run of a program: as `__main__`, or loaded as a module which is then asked something.

    Attributes:
        code: The program.
        stdin: What it reads.
        function: The function, or method of a class `Solution`, to call once the program is loaded.
        arguments: What it is called with, as a list in the form of `values.dumps`.
        steps: What is done once the program is loaded, if there is no function: kinds and sources.
        prelude: Whether the program finds the names of `PRELUDE`.
    """

    code: str
    stdin: str = ""
    function: str = ""
    arguments: str = "[]"
    steps: tuple[tuple[Step, str], ...] = ()
    prelude: bool = True


NO_VALUE = "-"
"""The report of a step that failed, or whose value is not plain."""


def perform(task: Task, report: Callable[[str], object]) -> None:
    """Run a task and report the values that it asks for, in order; whatever else goes wrong is raised."""
    asked = bool(task.function or task.steps)
    module = ModuleType("solution" if asked else "__main__")
    sys.modules[module.__name__] = module
    space = module.__dict__
    space["__builtins__"] = {**vars(builtins), **prelude()} if task.prelude else vars(builtins)
    exec(compile(task.code, "solution.py", "exec"), space)
    # Tests do not see the prelude: of a program that lacks `gcd`, math's is not to be tested.
    defined = {**space, "__builtins__": vars(builtins)}
    if task.function:
        report(dumps(_callable(defined, task.function)(*loads(task.arguments))))
    for kind, source in task.steps:
        if kind is Step.RUN:
            exec(compile(source, "tests.py", "exec"), defined)
        else:
            report(_reported(kind, source, defined))


def _reported(kind: Step, source: str, defined: dict[str, Any]) -> str:
    try:
        if kind is Step.VALUE:
            return dumps(eval(compile(source, "tests.py", "eval"), defined))
        exec(compile(source, "tests.py", "exec"), defined)
    except Exception as error:  # noqa: BLE001 - the program's
        last = traceback.extract_tb(error.__traceback__)[-1]
        sys.stderr.write(f"{source}\n{last.filename}, line {last.lineno}: {type(error).__name__}: {error}\n")
        return NO_VALUE
    return dumps(True)


@cache
def prelude() -> dict[str, Any]:
    """Return the names of `PRELUDE`."""
    found: dict[str, Any] = {}
    exec(PRELUDE, found)
    del found["__builtins__"]
    return found


def _callable(defined: dict[str, Any], name: str) -> Callable[..., object]:
    found: Callable[..., object] | None = defined.get(name)
    if found is None and "Solution" in defined:
        found = getattr(defined["Solution"](), name, None)
    if found is None:
        raise NameError(f"the program defines no function {name!r}")
    return found
