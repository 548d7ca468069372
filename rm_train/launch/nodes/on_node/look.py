"""One look at a node: all that is asked of it, in one answer."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Sequence
from typing import TypedDict

from rm_train.launch.nodes.on_node.files import seen_files, seen_folders
from rm_train.launch.nodes.on_node.gpus import NoGpuError, gpus
from rm_train.launch.nodes.on_node.places import Place, mark, remove, unseen
from rm_train.launch.nodes.on_node.software import code_digests, torch_cuda, versions


class Question(TypedDict):
    """What is asked of every node.

    Attributes:
        packages: Distributions whose versions matter.
        code: Packages whose code must be the same.
        files: Files that must be the same.
        folders: Model folders that must be the same.
        places: Folders that the run writes to, by their keys.
        shared: Whether all nodes must share these folders.
        secrets: Environment variables that must be set.
        gpus: Whether the run trains on GPUs.
    """

    packages: list[str]
    code: list[str]
    files: list[str]
    folders: list[str]
    places: dict[str, str]
    shared: bool
    secrets: list[str]
    gpus: bool


class Answer(TypedDict):
    """What a node answers; the same names as in the question have what was found of each.

    Attributes:
        python: Its version.
        cuda: What PyTorch is built for.
        gpus: Memory in MiB, driver and name of each GPU; or why there are none.
        secrets: Whether each is set.
    """

    python: str
    packages: dict[str, str | None]
    cuda: str | None
    code: dict[str, str | None]
    files: dict[str, str]
    folders: dict[str, dict[str, str]]
    places: dict[str, Place]
    secrets: dict[str, bool]
    gpus: list[tuple[int, str, str]] | str


class SecondLook(TypedDict):
    """What a node sees of the others: the marks that it does not see in each place, and its clock."""

    unseen: dict[str, list[str]]
    clock: float


def look(question: Question, mark_name: str) -> Answer:
    """Look around, and leave a mark in each place."""
    return {
        "python": platform.python_version(),
        "packages": versions(question["packages"]),
        "cuda": torch_cuda(),
        "code": code_digests(question["code"]),
        "files": seen_files(question["files"]),
        "folders": seen_folders(question["folders"]),
        "places": mark(question["places"], mark_name, shared=question["shared"]),
        # Whether they are set is all that leaves the node.
        "secrets": {name: bool(os.environ.get(name)) for name in question["secrets"]},
        "gpus": _gpus() if question["gpus"] else [],
    }


def _gpus() -> list[tuple[int, str, str]] | str:
    try:
        return [(gpu.mib, gpu.driver, gpu.name) for gpu in gpus()]
    except NoGpuError as error:
        return str(error)


def look_again(question: Question, marks: Sequence[str]) -> SecondLook:
    """Look for the marks of all others."""
    return {"unseen": unseen(question["places"], marks), "clock": time.time()}


def clear(question: Question, mark_name: str) -> None:
    """Take the marks away."""
    remove(question["places"], mark_name)
