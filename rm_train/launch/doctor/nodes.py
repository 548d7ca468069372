"""The nodes of the Ray cluster that runs would join: what each has and sees, and what is wrong there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from omegaconf import DictConfig

from rm_train.launch.checks.cluster import ray_address
from rm_train.launch.checks.problem import ConfigError, Severity
from rm_train.launch.doctor.finding import Finding, bad, from_problem
from rm_train.launch.nodes.check import survey

if TYPE_CHECKING:
    from rm_train.launch.nodes.asking import NodeTold
    from rm_train.launch.nodes.difference import Difference

_SHOWN = ("verl", "torch", "ray", "vllm")
_GIB = 2**30


def nodes(config: DictConfig) -> Iterator[Finding]:
    """Ask the nodes of the cluster that a run with this config would join; none if it would start its own Ray."""
    if ray_address(config) is None:
        return
    try:
        found = survey(config)
    except ConfigError as error:
        yield bad("nodes", str(error), "start Ray there, or correct the address")
        return
    for name, node in found.nodes.items():
        yield _finding(name, node, [one for one in found.differences if one.node == name])
    for problem in found.room:
        yield from_problem(problem.key, problem)


def _finding(name: str, node: NodeTold, differences: Sequence[Difference]) -> Finding:
    what = "\n".join([_summary(node), *(f"{one.subject}: {one.what}" for one in differences)])
    if not differences:
        return Finding(f"node {name}", what)
    errors = any(one.severity is Severity.ERROR for one in differences)
    fix = "; ".join(dict.fromkeys(one.fix for one in differences))
    return Finding(f"node {name}", what, "error" if errors else "warning", fix)


def _summary(node: NodeTold) -> str:
    """Return what a node has and is, in a line."""
    room = ", ".join(
        f"{node['free'].get(kind, 0):g} of {node['total'].get(kind, 0):g} {kind}s" for kind in ("GPU", "CPU")
    )
    if (answer := node["answer"]) is None:
        return f"{room} free" if node["silence"] else f"{room} free: takes no part"
    versions = [f"{name} {answer['packages'][name]}" for name in _SHOWN if answer["packages"].get(name)]
    free = min(place["free"] for place in answer["places"].values())
    kinds = sorted({kind for _, _, kind in answer["gpus"]}) if isinstance(answer["gpus"], list) else []
    return ", ".join(
        [f"{room} free", *kinds, f"Python {answer['python']}", *versions, f"{free / _GIB:,.1f} GiB of disk"]
    )
