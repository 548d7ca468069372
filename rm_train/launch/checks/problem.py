"""What a check finds: a key, what is wrong with it, and what to write instead."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum


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


def errors(problems: Iterable[Problem]) -> list[Problem]:
    """Return those problems that stop a run."""
    return [problem for problem in problems if problem.severity is Severity.ERROR]


def warnings(problems: Iterable[Problem]) -> list[Problem]:
    """Return those problems that do not stop a run."""
    return [problem for problem in problems if problem.severity is Severity.WARNING]


def listing(problems: Iterable[Problem]) -> str:
    """Return problems as one text: a line for one, a list for several."""
    lines = list(map(str, problems))
    if len(lines) == 1:
        return lines[0]
    return "\n".join([f"{len(lines)} problems:", *(f"- {line}" for line in lines)])


def raise_errors(problems: Iterable[Problem]) -> None:
    """Raise one error that lists all problems that stop a run.

    Raises:
        ConfigError: There is such a problem.
    """
    if found := errors(problems):
        raise ConfigError(listing(found))
