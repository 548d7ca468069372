"""The nodes with GPUs, beside what Ray says of them and beside each other: a launcher without a GPU is no model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from rm_train.launch.checks.problem import Severity
from rm_train.launch.checks.versions import FLASH_ATTENTION
from rm_train.launch.nodes.difference import Difference, odd_ones
from rm_train.launch.nodes.question import BASE, FLASH_ATTN

if TYPE_CHECKING:
    from rm_train.launch.nodes.on_node.look import Answer


def gpu_differences(answers: Mapping[str, Answer], counts: Mapping[str, int]) -> Iterator[Difference]:
    """Find nodes that cannot use their GPUs, or whose GPUs or software for them are not those of the rest.

    Args:
        answers: What the nodes with GPUs answered, by their names.
        counts: How many GPUs Ray hands out on each of them.
    """
    for node, answer in answers.items():
        yield from _devices(node, answer["gpus"], counts[node])
        yield from _missing(node, answer)
    yield from odd_ones("torch's CUDA", {node: answer["cuda"] for node, answer in answers.items() if answer["cuda"]},
                        "install the same build of torch on all nodes with GPUs")  # fmt: skip
    for name in {name for answer in answers.values() for name in answer["packages"] if name not in BASE}:
        found = {node: there for node, answer in answers.items() if (there := answer["packages"][name])}
        yield from odd_ones(name, found, f"install the same {name} on all nodes with GPUs")
    seen = {node: answer["gpus"] for node, answer in answers.items() if isinstance(answer["gpus"], list)}
    kinds = {node: [f"{name} with {mib / 1024:.0f} GiB" for mib, _, name in gpus] for node, gpus in seen.items()}
    fix = "the slowest and smallest one sets the pace: train on nodes that are alike"
    yield from odd_ones("GPUs", {node: _words(words) for node, words in kinds.items()}, fix, Severity.WARNING)
    drivers = {node: _words([driver for _, driver, _ in gpus]) for node, gpus in seen.items()}
    yield from odd_ones("NVIDIA driver", drivers, "install the same driver on all nodes", Severity.WARNING)


def _words(values: list[str]) -> str:
    return ", ".join(sorted(set(values)))


def _devices(node: str, found: list[tuple[int, str, str]] | str, count: int) -> Iterator[Difference]:
    if isinstance(found, str):
        yield Difference(node, "GPUs", f"Ray hands out {count} there, and the node {found}",
                         "repair the driver there, or start Ray there with --num-gpus=0")  # fmt: skip
    elif len(found) < count:
        yield Difference(node, "GPUs", f"Ray hands out {count} there, and nvidia-smi shows {len(found)}",
                         f"repair the others, or start Ray there with --num-gpus={len(found)}")  # fmt: skip


def _missing(node: str, answer: Answer) -> Iterator[Difference]:
    torch = answer["packages"]["torch"]
    if torch is not None and answer["cuda"] is None:
        yield Difference(node, "torch", f"{torch} there is a build without CUDA",
                         "install the GPU build there: pip install --force-reinstall 'rm-train[gpu]'")  # fmt: skip
    for name, version in answer["packages"].items():
        if version is None and name not in BASE:
            fix = FLASH_ATTENTION if name == FLASH_ATTN else "pip install 'rm-train[gpu]'"
            yield Difference(node, name, "is not installed there", f"install it there: {fix}")
