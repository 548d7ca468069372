"""Software of the nodes beside the launcher's: Python, packages, and the code of ours and of the user's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from rm_train.launch.nodes.difference import Difference
from rm_train.launch.nodes.question import BASE, OURS

if TYPE_CHECKING:
    from rm_train.launch.nodes.on_node.look import Answer

_RESTART = ", and start Ray there anew"


def software_differences(here: Answer, answers: Mapping[str, Answer]) -> Iterator[Difference]:
    """Find Python, packages and code of nodes that are not the launcher's.

    Args:
        here: What the launcher sees itself.
        answers: What nodes answered, by their names.
    """
    for node, answer in answers.items():
        if _minor(answer["python"]) != _minor(here["python"]):
            fix = f"start Ray there with Python {_minor(here['python'])}"
            yield Difference(node, "Python", f"{answer['python']} there, {here['python']} here", fix)
        for name in BASE:
            yield from _version(node, name, answer["packages"][name], here["packages"][name])
        for name, wanted in here["code"].items():
            yield from _code(node, name, answer["code"][name], wanted)


def _minor(version: str) -> str:
    return version.rpartition(".")[0]


def _version(node: str, name: str, found: str | None, wanted: str | None) -> Iterator[Difference]:
    """Compare a version with ours; builds of one version, such as +cpu, may differ between kinds of machines."""
    found, wanted = (value and value.partition("+")[0] for value in (found, wanted))
    if found == wanted or wanted is None:
        return  # what is missing here is told before any node is asked
    what = f"{found} there, {wanted} here" if found else f"is not installed there, {wanted} is here"
    restart = _RESTART if name == "ray" else ""
    yield Difference(node, name, what, f"install it there: pip install '{name}=={wanted}'{restart}")


def _code(node: str, name: str, found: str | None, wanted: str | None) -> Iterator[Difference]:
    if found == wanted or wanted is None:
        return
    what = f"other code there ({found}) than here ({wanted})" if found else "cannot be imported there"
    if name in OURS:
        fix = "install this version there too, or let the job carry it: rm-train submit"
    else:
        fix = "install the same there, or let the job carry it: rm-train submit --include"
    yield Difference(node, name, what, fix)
