"""What the doctor finds: a subject, what is true of it, and the fix where one is needed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from rich.table import Table
from rich.text import Text

from rm_train.launch.checks.problem import Problem, Severity

State = Literal["ok", "warning", "error"]
_STYLES = {"ok": "green", "warning": "yellow", "error": "red"}


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of one subject.

    Attributes:
        subject: What was examined.
        what: What is true of it.
        state: `ok`; `warning`, with which runs can work; `error`, with which they cannot.
        fix: What to do about it, unless it is ok.
    """

    subject: str
    what: str
    state: State = "ok"
    fix: str | None = None


def warn(subject: str, what: str, fix: str) -> Finding:
    """Return a finding that does not keep all runs from working."""
    return Finding(subject, what, "warning", fix)


def bad(subject: str, what: str, fix: str) -> Finding:
    """Return a finding that keeps runs from working."""
    return Finding(subject, what, "error", fix)


def from_problem(subject: str, problem: Problem) -> Finding:
    """Return what one of the checks before a run has found."""
    state: State = "error" if problem.severity is Severity.ERROR else "warning"
    return Finding(subject, problem.what, state, problem.fix)


def findings_table(findings: Iterable[Finding]) -> Table:
    """Return what was found, with the fix under what needs one."""
    table = Table(show_header=False)
    for finding in findings:
        what = Text(finding.what)
        if finding.fix:
            what.append(f"\nfix: {finding.fix}", style="bold")
        table.add_row(finding.subject, Text(finding.state, style=_STYLES[finding.state]), what)
    return table
