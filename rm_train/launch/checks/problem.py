"""What a check finds: a key, what is wrong with it, and what to write instead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from rich.markup import escape

if TYPE_CHECKING:
    from rich.console import Console


class ConfigError(ValueError):
    """The config cannot be used; the message names each key and its fix."""


class Severity(str, Enum):
    """What a problem does to a run."""

    ERROR = "error"
    """The run would fail, or do something else than the config says."""
    WARNING = "warning"
    """The run can work."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a config or with what it points to.

    Attributes:
        key: The config key to change, or the override as it was given.
        what: What is wrong with it.
        fix: What to do about it.
        severity: Whether the run can go on.
    """

    key: str
    what: str
    fix: str
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        return f"{self.key}: {self.what}; {self.fix}"


def warning(key: str, what: str, fix: str) -> Problem:
    """Return a problem that does not stop a run."""
    return Problem(key, what, fix, Severity.WARNING)


def listing(problems: Sequence[Problem]) -> str:
    """Return problems as one text: a line for one, a list for several."""
    if len(problems) == 1:
        return str(problems[0])
    return "\n".join([f"{len(problems)} problems:", *(f"- {problem}" for problem in problems)])


def settle(problems: Sequence[Problem], console: Console) -> None:
    """Print the warnings, and raise one error that lists all problems which stop a run.

    Raises:
        ConfigError: There is such a problem.
    """
    for problem in problems:
        if problem.severity is Severity.WARNING:
            console.print(f"[yellow]warning:[/yellow] {escape(str(problem))}", soft_wrap=True)
    if errors := [problem for problem in problems if problem.severity is Severity.ERROR]:
        raise ConfigError(listing(errors))
