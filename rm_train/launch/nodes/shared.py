"""Files, folders, disks, secrets and clocks of the nodes beside the launcher's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rm_train.launch.checks.problem import Severity
from rm_train.launch.nodes.difference import Difference

if TYPE_CHECKING:
    from rm_train.launch.nodes.asking import NodeTold
    from rm_train.launch.nodes.on_node.look import Answer

_COPY = "copy it there under the same path, or keep it in a folder that all nodes see"
_SHARE = ("the parts of a checkpoint would be scattered over the nodes: write runs_dir=… with a folder that all nodes "
          "share, or storage=… with a bucket")  # fmt: skip
_CLOCKS_S = 5.0
"""How far clocks may be apart for the logs of several nodes to be in order for a reader."""
_LISTED = 3


def file_differences(here: Answer, answers: Mapping[str, Answer]) -> Iterator[Difference]:
    """Find files and model folders that nodes do not see as the launcher does."""
    for node, answer in answers.items():
        for path, wanted in here["files"].items():
            if (found := answer["files"][path]) != wanted:
                yield Difference(node, path, f"{found} there; {wanted} here", _COPY)
        for folder, files in here["folders"].items():
            yield from _folder(node, folder, answer["folders"][folder], files)


def _folder(node: str, folder: str, found: Mapping[str, str], wanted: Mapping[str, str]) -> Iterator[Difference]:
    if not found:
        yield Difference(node, folder, "there is no such model folder there", _COPY)
        return
    for name in [name for name in wanted if found.get(name) != wanted[name]][:_LISTED]:
        told = f"{found.get(name, 'missing')} there; {wanted[name]} here"
        yield Difference(node, str(Path(folder) / name), told, _COPY)
    for name in [name for name in found if name not in wanted][:_LISTED]:
        yield Difference(node, str(Path(folder) / name), "is there and not here", _COPY)


def place_differences(
    nodes: Mapping[str, NodeTold], places: Mapping[str, str], unseen_here: Mapping[str, list[str]], needed: int | None
) -> Iterator[Difference]:
    """Find folders that nodes cannot write or do not share, and disks that are too small.

    Args:
        nodes: What is told of the nodes that answered, by their names.
        places: The folders, by their keys; checkpoints go into the last one.
        unseen_here: The nodes whose marks the launcher does not see, by the keys.
        needed: The bytes that a node needs for its checkpoints; None if that is not known.
    """
    for key, path in places.items():
        writing = {}
        for name, node in nodes.items():
            place = node["answer"]["places"][key] if node["answer"] else None
            if place and place["error"]:
                yield Difference(name, key, f"{place['error']} there", _SHARE)
            elif place:
                writing[name] = node
                if needed is not None and key == list(places)[-1] and place["free"] < needed:
                    what = f"{_gib(place['free'])} are free there, and checkpoints take {_gib(needed)}"
                    yield Difference(name, key, what, "make room there, or keep fewer checkpoints (keep_checkpoints)")
        yield from _not_shared(key, path, writing, unseen_here.get(key, []))


def _not_shared(key: str, path: str, nodes: Mapping[str, NodeTold], unseen_here: Sequence[str]) -> Iterator[Difference]:
    """Find nodes whose folder is another one than the launcher's, or that do not see what some others write."""
    sharing = {}
    for name, node in nodes.items():
        if "launcher" in node["unseen"].get(key, []) or node["id"] in unseen_here:
            yield Difference(name, key, f"{path} there is not the same folder as here: each has its own files", _SHARE)
        else:
            sharing[node["id"]] = name
    for one, name in sharing.items():
        unseen = [sharing[other] for other in nodes[name]["unseen"].get(key, []) if other in sharing and other != one]
        if unseen:
            yield Difference(name, key, f"what {', '.join(unseen)} wrote to {path} is not seen there in time", _SHARE)


def _gib(size: float) -> str:
    return f"{size / 2**30:,.1f} GiB"


def secret_differences(answers: Mapping[str, Answer]) -> Iterator[Difference]:
    """Find variables that must be set and are not; their values never leave a node."""
    for node, answer in answers.items():
        for name, is_set in answer["secrets"].items():
            if not is_set:
                yield Difference(node, name, "is not set there", "set it before `ray start`, and start Ray there anew")


def clock_differences(nodes: Mapping[str, NodeTold]) -> Iterator[Difference]:
    """Find clocks that are not the launcher's."""
    for name, node in nodes.items():
        if abs(ahead := node["clock_s"]) > _CLOCKS_S:
            told = f"is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} the launcher's"
            yield Difference(name, "clock", told, "set it by NTP (chrony)", Severity.WARNING)
