"""Whether a cluster has room for the trainer: verl waits for it without an end, or dies of a count without a word why.

verl 0.9.1 asks Ray for `trainer.nnodes` placement groups (`RayResourcePool.get_placement_groups`), each on one node,
of `trainer.n_gpus_per_node` bundles of one GPU and three CPUs. Beside them the TransferQueue's controller and each of
its storage units hold a CPU, and each of verl's actors takes one for the moment of its start.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from omegaconf import DictConfig

from rm_train.launch.checks.problem import Problem

if TYPE_CHECKING:
    from rm_train.launch.nodes.asking import NodeTold

_CPUS_OF_A_GPU = 3
"""The CPUs of a bundle (`ResourcePoolManager.max_colocate_count`)."""


def places(nodes: Sequence[NodeTold], gpus: int) -> int:
    """Return how many groups of so many GPUs, each on one node, verl could place now."""
    return sum(_places(node["free"], gpus) for node in nodes if node["alive"])


def _places(resources: Mapping[str, float], gpus: int) -> int:
    return int(min(resources.get("GPU", 0) // gpus, resources.get("CPU", 0) // (_CPUS_OF_A_GPU * gpus)))


def room_problems(config: DictConfig, nodes: Sequence[NodeTold], jobs: Sequence[str]) -> list[Problem]:
    """Find that a run does not fit into what is free of a cluster.

    Args:
        config: The run's config.
        nodes: The nodes.
        jobs: The other jobs that run there, in words.
    """
    wanted, gpus = config.trainer.nnodes, config.trainer.n_gpus_per_node
    taken = f"; {', '.join(jobs)} may hold some of it" if jobs else ""
    there = f"there are: {'; '.join(map(_shown, nodes))}{taken}"
    fitting = places(nodes, gpus)
    if fitting < wanted:
        each = f"{gpus} free GPUs with {_CPUS_OF_A_GPU * gpus} free CPUs, each on one node"
        return [Problem("trainer.nnodes", f"wants {wanted} x {each}, and {fitting} can be had; {there}",
                        _fix(config, nodes, fitting))]  # fmt: skip
    units = int(config.transfer_queue.backend.SimpleStorage.num_data_storage_units)
    needed = _CPUS_OF_A_GPU * gpus * wanted + units + 2
    free = sum(node["free"].get("CPU", 0) for node in nodes if node["alive"])
    if free < needed:
        return [Problem("ray_address", f"verl takes {needed} CPUs in all (3 for each GPU, {units + 2} for itself), and "
                        f"{free:.0f} are free; {there}",
                        "start Ray with more of them, such as --num-cpus=16: they are only counted")]  # fmt: skip
    return []


def _fix(config: DictConfig, nodes: Sequence[NodeTold], fitting: int) -> str:
    gpus, wanted = config.trainer.n_gpus_per_node, config.trainer.nnodes
    if sum(_places(node["total"], gpus) for node in nodes if node["alive"]) >= wanted:
        return "wait until the others have ended, or end them"
    if config.trainer.device == "cpu":
        return (
            f"start Ray on {wanted} nodes, each with --num-gpus={gpus} --num-cpus=16: on hardware=cpu both are tickets"
        )
    less = f", or write trainer.nnodes={fitting}" if fitting else ""
    return f"start Ray on {wanted - fitting} more such nodes{less}"


def _shown(node: NodeTold) -> str:
    if not node["alive"]:
        return f"{node['address']} (dead)"
    amounts = (f"{node['free'].get(kind, 0):g} of {node['total'].get(kind, 0):g} {kind}s" for kind in ("GPU", "CPU"))
    return f"{node['address']} with {' and '.join(amounts)} free"
