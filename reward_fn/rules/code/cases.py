"""The tests of a programming task: what a program is run with, and when it has passed.

The right answers stay on this side: the sandbox gets inputs and expressions, and what comes back is compared here. So
a program that changes how equality works, or ends its process early, gains nothing by it. Only an assertion that does
not ask for equality with a literal is left to the program's own process.
"""

from __future__ import annotations

import ast
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any, Protocol

from reward_fn.rules.code.sandbox import values
from reward_fn.rules.code.sandbox.driver import Step, Task
from reward_fn.rules.code.sandbox.limits import Ending, Outcome
from reward_fn.rules.references import bad_reference
from reward_fn.schema import DataSample

_FORMS = (
    "tests are {'inputs': […], 'outputs': […], 'fn_name': …}, {'asserts': […], 'setup': …}, "
    "{'test': …, 'entry_point': …}, a list of assertions, or a text of them"
)


class Case(Protocol):
    """One run of a program, and one test or several that it serves."""

    @property
    def tests(self) -> int:
        """How many tests it serves."""

    def task(self, code: str, prelude: bool) -> Task:
        """Return the run for a program."""

    def passed(self, outcome: Outcome, tolerance: float) -> int:
        """Return how many of its tests the program has passed."""


@dataclass(frozen=True)
class StdinCase:
    """A program reads a text and prints another."""

    stdin: str
    stdout: str
    tests = 1

    def task(self, code: str, prelude: bool) -> Task:
        """Return the run for a program."""
        return Task(code, stdin=self.stdin, prelude=prelude)

    def passed(self, outcome: Outcome, tolerance: float) -> int:
        """Return 1 if the program printed the text: the same words in the same lines, with close decimals."""
        if outcome.ending is not Ending.DONE:
            return 0
        printed, wanted = _lines(outcome.stdout), _lines(self.stdout)
        return int(
            len(printed) == len(wanted)
            and all(
                len(ours) == len(theirs)
                and all(_same_word(*pair, tolerance) for pair in zip(ours, theirs, strict=True))
                for ours, theirs in zip(printed, wanted, strict=True)
            )
        )


@dataclass(frozen=True)
class CallCase:
    """A function is called, and one of some values is right."""

    function: str
    arguments: str
    right: list[Any]
    tests = 1

    def task(self, code: str, prelude: bool) -> Task:
        """Return the run for a program."""
        return Task(code, function=self.function, arguments=self.arguments, prelude=prelude)

    def passed(self, outcome: Outcome, tolerance: float) -> int:
        """Return 1 if the function returned the value, in the form that JSON gives it and with close decimals."""
        if outcome.ending is not Ending.DONE:
            return 0
        (value,) = _values(outcome, 1)
        return int(value is not _NONE and any(_returned(value, right, tolerance) for right in self.right))


@dataclass(frozen=True)
class AssertsCase:
    """Assertions are run one after the other; each is a test."""

    steps: tuple[tuple[Step, str], ...]
    right: tuple[Any, ...] = field(repr=False)

    @property
    def tests(self) -> int:
        """How many assertions there are."""
        return len(self.right)

    def task(self, code: str, prelude: bool) -> Task:
        """Return the run for a program."""
        return Task(code, steps=self.steps, prelude=prelude)

    def passed(self, outcome: Outcome, tolerance: float) -> int:
        """Return how many assertions hold, as Python compares; those count that were reached before an error."""
        del tolerance  # an assertion says itself how close is close
        reported = _values(outcome, self.tests)
        return sum(
            value is not _NONE and _equal(value, right) for value, right in zip(reported, self.right, strict=True)
        )


def cases_of(sample: DataSample) -> list[Case]:
    """Return the tests of a sample: the `inputs_outputs` of its label or metadata, or the label's `reference`.

    Raises:
        RewardError: There are none, or they have another form.
    """
    label = sample.output[0].answer.label
    found = label.get("inputs_outputs") or sample.metadata.get("inputs_outputs") or label.get("reference")
    try:
        return _cases(found)
    except _TestsError as error:
        raise bad_reference(sample, str(error)) from error


class _TestsError(Exception):
    """Tests are missing or have another form."""


def _cases(found: object) -> list[Case]:
    if found is None:
        raise _TestsError(f"the label has no inputs_outputs and no reference; {_FORMS}")
    if isinstance(found, str) and found.lstrip()[:1] in ("{", "["):
        try:
            found = json.loads(found)
        except (ValueError, RecursionError) as error:
            raise _TestsError(f"the tests look like JSON and are not: {error}") from None
    cases = _cases_of_form(found)
    if not cases:
        raise _TestsError("there are no tests: the list is empty")
    return cases


def _cases_of_form(found: object) -> list[Case]:
    if isinstance(found, str):
        return [_asserts(found)]
    if isinstance(found, list):
        return [_asserts(_text(item, "an assertion")) for item in found]
    if not isinstance(found, Mapping):
        raise _TestsError(f"the tests are {type(found).__name__}; {_FORMS}")
    if "test" in found and "entry_point" in found:
        source = f"{_text(found['test'], 'test')}\ncheck({_text(found['entry_point'], 'entry_point')})"
        return [AssertsCase(((Step.CHECK, source),), (True,))]
    setup = _text(found.get("setup") or "", "setup")
    asserts = found.get("asserts") or found.get("assert_case")
    if asserts is not None:
        return [_asserts(f"{setup}\n{_text(item, 'an assertion')}") for item in _list(asserts, "asserts")]
    if "inputs" not in found or "outputs" not in found:
        raise _TestsError(f"the tests have the keys {sorted(map(str, found))}; {_FORMS}")
    inputs, outputs = _list(found["inputs"], "inputs"), _list(found["outputs"], "outputs")
    if len(inputs) != len(outputs):
        raise _TestsError(f"there are {len(inputs)} inputs and {len(outputs)} outputs")
    name = found.get("fn_name")
    if name is None:
        return [StdinCase(_joined(given), _joined(wanted)) for given, wanted in zip(inputs, outputs, strict=True)]
    return [_call(_text(name, "fn_name"), given, wanted) for given, wanted in zip(inputs, outputs, strict=True)]


def _call(name: str, given: object, wanted: object) -> CallCase:
    """Read a call: arguments in JSON, one in a line, as PRIME has them, or a list of arguments as APPS has them.

    APPS puts the right value into a list of one, but not always; so with its form both the list and what is in it are
    right, as in its own judge.
    """
    try:
        arguments = (
            [json.loads(line) for line in given.splitlines() if line.strip()] if isinstance(given, str) else given
        )
        right = [json.loads(wanted) if isinstance(wanted, str) and isinstance(given, str) else wanted]
        written = values.dumps(_list(arguments, "the input of a function"))
    except (TypeError, RecursionError) as error:
        raise _TestsError(f"an input of {name} cannot be passed to a program: {error}") from None
    except ValueError as error:
        raise _TestsError(f"an input or output of {name} is not JSON: {error}") from None
    if not isinstance(given, str) and isinstance(wanted, list) and len(wanted) == 1:
        right.append(wanted[0])
    return CallCase(name, written, right)


def _asserts(source: str) -> AssertsCase:
    """Take assertions apart: those that compare with a literal give a value, and the literal stays here."""
    try:
        statements = ast.parse(source).body
        taken = [_step(statement, statement is statements[-1]) for statement in statements]
        steps = tuple((kind, ast.unparse(asked)) for kind, asked, _ in taken)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise _TestsError(f"the tests are not Python that can be read: {error}") from None
    right = tuple(value for kind, _, value in taken if kind is not Step.RUN)
    if not right:
        raise _TestsError("the tests assert nothing")
    return AssertsCase(steps, right)


def _step(statement: ast.stmt, last: bool) -> tuple[Step, ast.AST, object]:
    """Return what is to be done with a statement, what of it, and the right value."""
    match statement:
        case ast.Assert(test=ast.Compare(left=left, ops=[ast.Eq()], comparators=[other])):
            for expression, literal in ((left, other), (other, left)):
                try:
                    return Step.VALUE, expression, ast.literal_eval(literal)
                except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
                    continue
            return Step.CHECK, statement, True
        case ast.Assert():
            return Step.CHECK, statement, True
        case ast.Expr(value=ast.Call()) | ast.For() | ast.While() | ast.If() | ast.With() | ast.Try() if last:
            return Step.CHECK, statement, True  # it asserts within, or calls what asserts
    return Step.RUN, statement, None


_NONE = object()
"""Stands where a report is missing or is not a plain value."""


def _values(outcome: Outcome, count: int) -> list[object]:
    found: list[object] = []
    for text in outcome.reports[:count]:
        try:
            found.append(values.loads(text))
        except ValueError:
            found.append(_NONE)
    return found + [_NONE] * (count - len(found))


_INCOMPARABLE = (TypeError, ValueError, ArithmeticError, RecursionError)
"""What a value that a program reports may raise when it is compared; it is not the right one then."""


def _equal(value: object, right: object) -> bool:
    try:
        return bool(value == right)
    except _INCOMPARABLE:
        return False


def _returned(value: object, right: object, tolerance: float) -> bool:
    try:
        return _close(_as_json(value), right, tolerance)
    except _INCOMPARABLE:  # such as keys of dictionaries that JSON has no form for, or 10**400 beside a decimal
        return False


def _as_json(value: Any) -> object:  # noqa: ANN401
    """Return a plain value as it is after a way through JSON."""
    if isinstance(value, (list, tuple)):
        return [_as_json(item) for item in value]
    if isinstance(value, dict):
        return {key if isinstance(key, str) else json.dumps(key): _as_json(item) for key, item in value.items()}
    return value


def _close(value: object, right: object, tolerance: float) -> bool:
    """Return whether values are equal, with close decimals."""
    if isinstance(value, float) and isinstance(right, (int, float)):
        return value == right or math.isclose(value, right, rel_tol=tolerance, abs_tol=tolerance)
    if isinstance(value, list) and isinstance(right, list):
        return len(value) == len(right) and all(_close(*pair, tolerance) for pair in zip(value, right, strict=True))
    if isinstance(value, dict) and isinstance(right, dict):
        return value.keys() == right.keys() and all(_close(value[key], right[key], tolerance) for key in right)
    return _equal(value, right)


def _lines(text: str) -> list[list[str]]:
    return [line.split() for line in text.rstrip().splitlines()]


def _same_word(printed: str, wanted: str, tolerance: float) -> bool:
    if printed == wanted:
        return True
    try:
        if not {".", "e", "E"} & set(wanted):
            return Decimal(printed) == Decimal(wanted)
        return math.isclose(float(printed), float(wanted), rel_tol=tolerance, abs_tol=tolerance)
    except (ValueError, InvalidOperation):
        return False


def _joined(given: object) -> str:
    """Return an input or output as a text; some data sets have lists of lines."""
    return "\n".join(map(str, given)) if isinstance(given, list) else str(given)


def _list(found: object, what: str) -> list[Any]:
    if not isinstance(found, Sequence) or isinstance(found, str):
        raise _TestsError(f"{what} is {type(found).__name__}, not a list")
    return list(found)


def _text(found: object, what: str) -> str:
    if not isinstance(found, str):
        raise _TestsError(f"{what} is {type(found).__name__}, not a text")
    return found
