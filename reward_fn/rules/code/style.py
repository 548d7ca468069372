"""Whether the Python in an answer keeps the conventions of PEP 8 for names and indentation."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

from reward_fn.rules.code.python import PythonReward, parsed
from reward_fn.schema import DataSample, RewardResult


class CodeStyleReward(PythonReward):
    """How consistently the answer's Python is indented, and how many of its names are in snake_case.

    The mean over the Python blocks, which are those of `code_syntax_check`; one that does not parse counts 0. The names
    are those that statements bind: functions, parameters and variables, each once, without attributes, imports, classes
    and what lambdas and comprehensions bind. Outside functions UPPER_CASE is right too. A block that binds no name is
    judged by its indentation alone: the same width everywhere, and no tabs beside spaces; lines inside brackets and
    texts may begin anywhere. RM-Gallery's regular expressions read texts, comments and keyword arguments as code.
    """

    version: ClassVar[int] = 2
    formula: ClassVar[str] = "mean over blocks of 0.5 * [consistent indentation] + 0.5 * snake_case names / names"
    source: ClassVar[str] = "RM-Gallery; PEP 8"

    name: str = "code_style"

    def _evaluate(self, sample: DataSample, **kwargs: Any) -> RewardResult:  # noqa: ANN401
        blocks, others = self._blocks(sample)
        if not blocks:
            return RewardResult.of(self.name, 0.0, "no Python block", blocks=0, other_languages=others)
        scores, faults = [], []
        for place, code in enumerate(blocks, 1):
            score, fault = _judged(code)
            scores.append(score)
            if fault:
                faults.append(f"block {place}, {fault}")
        reason = faults[0] if faults else "indentation and names are consistent"
        return RewardResult.of(
            self.name, sum(scores) / len(scores), reason, blocks=len(blocks), scores=scores, other_languages=others
        )


def _judged(code: str) -> tuple[float, str]:
    """Return the score of a block, and what is wrong with it."""
    tree = parsed(code)
    if isinstance(tree, str):
        return 0.0, tree
    style = _Style(tree, code)
    even = len(style.steps) < 2 and len(set("".join(style.steps))) < 2
    wrong = style.wrong_names()
    count = len(style.free | style.local)
    score = 0.5 * even + 0.5 * (1 - len(wrong) / count) if count else float(even)
    faults = [] if even else ["its indentation changes"]
    if wrong:
        faults.append(f"not in snake_case: {', '.join(wrong[:5])}"[:200])
    return score, "; ".join(faults)


class _Style:
    """What the statements of a block bind, and by how much they are indented.

    Attributes:
        free: The names bound outside functions.
        local: The names bound in functions.
        steps: The white space that bodies have more than what they belong to.
    """

    def __init__(self, tree: ast.Module, code: str) -> None:
        self.free: set[str] = set()
        self.local: set[str] = set()
        self.steps: set[str] = set()
        self._globals: set[str] = set()
        self._lines = code.split("\n")
        # Not recursive: `elif` after `elif` is one in the other.
        self._todo: list[tuple[list[ast.stmt], str, set[str]]] = [(tree.body, "", self.free)]
        while self._todo:
            body, indent, names = self._todo.pop()
            for statement in body:
                self._read(statement, indent, names)

    def wrong_names(self) -> list[str]:
        """Return the names that are not as they should be, in the order of the alphabet."""
        wrong = {name for name in self.free if name not in (name.lower(), name.upper())}
        wrong |= {name for name in self.local - self._globals if name != name.lower()}
        return sorted(wrong)

    def _read(self, statement: ast.stmt, indent: str, names: set[str]) -> None:
        if isinstance(statement, ast.Assign):
            names.update(_targets(statement.targets))
        elif isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
            names.add(statement.name)
            self.local.update(_parameters(statement.args))
            names = self.local
        elif isinstance(statement, ast.ClassDef):
            names = self.free
        elif isinstance(statement, (ast.For, ast.AsyncFor, ast.AnnAssign)):
            names.update(_targets([statement.target]))
        elif isinstance(statement, (ast.With, ast.AsyncWith)):
            names.update(_targets(item.optional_vars for item in statement.items))
        elif isinstance(statement, ast.Global):
            self._globals.update(statement.names)
        elif isinstance(statement, ast.Match):
            self._read_match(statement, indent, names)
        if hasattr(statement, "body"):
            for body in _bodies(statement, names):
                self._enter(body, indent, names)

    def _read_match(self, statement: ast.Match, indent: str, names: set[str]) -> None:
        for case in statement.cases:
            line = case.pattern.lineno - 1
            while not self._lines[line].lstrip().startswith("case"):  # the pattern may be in brackets
                line -= 1
            start = self._lines[line].partition("case")[0]
            self._step(indent, start)
            self._enter(case.body, start, names)
            names.update(_captures(case.pattern))

    def _enter(self, body: list[ast.stmt], indent: str, names: set[str]) -> None:
        start = self._lines[body[0].lineno - 1][: body[0].col_offset]
        if start.isspace():
            self._step(indent, start)
            self._todo.append((body, start, names))
        else:  # `elif`, or on the line of what it belongs to
            self._todo.append((body, indent, names))

    def _step(self, indent: str, start: str) -> None:
        if start != indent:
            self.steps.add(start[len(indent) :] if start.startswith(indent) else start)


def _bodies(statement: Any, names: set[str]) -> Iterator[list[ast.stmt]]:  # noqa: ANN401 - any that has bodies
    yield statement.body
    for handler in getattr(statement, "handlers", ()):
        if handler.name:
            names.add(handler.name)
        yield handler.body
    for field in ("orelse", "finalbody"):
        if body := getattr(statement, field, None):
            yield body


def _parameters(arguments: ast.arguments) -> Iterator[str]:
    for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg):
        if one is not None:
            yield one.arg


def _targets(targets: Iterable[ast.expr | None]) -> Iterator[str]:
    """Yield the names among the targets of an assignment."""
    todo = list(targets)
    while todo:
        target = todo.pop()
        if isinstance(target, ast.Name):
            yield target.id
        elif isinstance(target, (ast.Tuple, ast.List)):
            todo += target.elts
        elif isinstance(target, ast.Starred):
            todo.append(target.value)


def _captures(pattern: ast.pattern) -> Iterator[str]:
    for node in ast.walk(pattern):
        name = getattr(node, "name", None) or getattr(node, "rest", None)
        if isinstance(name, str):
            yield name
