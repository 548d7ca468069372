"""What is wrong on one node, and how the same thing on many nodes is told once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from rm_train.launch.checks.problem import Problem, Severity

_NAMED = 8
"""How many nodes are named that have the same problem."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is wrong on one node.

    Attributes:
        node: Its name.
        subject: A package, a file, a key of the config, a variable.
        what: What is wrong with it there; both values, where there are two.
        fix: What to do about it.
        severity: Whether the run can go on.
    """

    node: str
    subject: str
    what: str
    fix: str
    severity: Severity = Severity.ERROR


def odd_ones(
    subject: str, found: Mapping[str, str], fix: str, severity: Severity = Severity.ERROR
) -> Iterator[Difference]:
    """Find the nodes with another value than most of them have.

    Args:
        subject: What the values are of.
        found: The values, by the names of the nodes.
        fix: What to do about it.
        severity: Whether the run can go on.
    """
    if not found:
        return
    most = Counter(found.values()).most_common(1)[0][0]
    model = next(node for node, value in found.items() if value == most)
    for node, value in found.items():
        if value != most:
            yield Difference(node, subject, f"{value} there, {most} on {model}", fix, severity)


def problems_of(differences: Iterable[Difference]) -> list[Problem]:
    """Return the problems that differences are, each with all the nodes that have it."""
    nodes: dict[tuple[str, str, str, Severity], list[str]] = {}
    for one in differences:
        nodes.setdefault((one.subject, one.what, one.fix, one.severity), []).append(one.node)
    return [
        Problem(f"node {_several(names)}: {subject}", what, fix, severity)
        for (subject, what, fix, severity), names in nodes.items()
    ]


def _several(names: list[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names) if more <= 0 else f"{', '.join(names[:_NAMED])} and {more} more"
