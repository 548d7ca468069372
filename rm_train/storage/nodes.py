"""Work that each node of a Ray cluster does on its own disk; without a cluster, this machine does it alone."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from rm_train.storage.errors import StorageError

_T = TypeVar("_T")

HERE = "this machine"


def node_names() -> dict[str, str]:
    """Return the nodes by Ray's ids, with their addresses; this process's own is the first."""
    if not _in_cluster():
        return {HERE: HERE}
    import ray

    own = ray.get_runtime_context().get_node_id()
    alive = {node["NodeID"]: node["NodeManagerAddress"] for node in ray.nodes() if node["Alive"]}
    return {own: alive.pop(own), **alive}


def on_nodes(work: Callable[..., _T], arguments: Mapping[str, tuple[Any, ...]]) -> dict[str, _T]:
    """Call a function on nodes at the same time, and return what came of it.

    It takes no CPU and no GPU from anyone. This process's own node is served by this process.

    Args:
        work: A function of an importable module.
        arguments: What to give to it, by the ids of the nodes.

    Raises:
        StorageError: It failed on a node, or a node was lost; the message names the nodes.
    """
    names = node_names()
    own = next(iter(names))
    started = {node: _start(work, node, given) for node, given in arguments.items() if node != own}
    results = {own: work(*arguments[own])} if own in arguments else {}
    failed: dict[str, Exception] = {}
    for node, task in started.items():
        _collect(node, task, results, failed)
    if failed:
        told = "; ".join(f"node {names.get(node, node)}: {_words(error)}" for node, error in failed.items())
        raise StorageError(told, passing=True)
    return results


def _in_cluster() -> bool:
    ray = sys.modules.get("ray")
    return ray is not None and ray.is_initialized()


def _start(work: Callable[..., _T], node: str, given: tuple[Any, ...]) -> Any:  # noqa: ANN401 - Ray's reference
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    there = NodeAffinitySchedulingStrategy(node, soft=False)
    return ray.remote(work).options(num_cpus=0, max_retries=0, scheduling_strategy=there).remote(*given)


def _collect(node: str, task: Any, results: dict[str, _T], failed: dict[str, Exception]) -> None:  # noqa: ANN401
    import ray

    try:
        results[node] = ray.get(task)
    except ray.exceptions.RayError as error:
        failed[node] = error


def _words(error: Exception) -> str:
    cause = getattr(error, "cause", None) or error
    lines = [line.strip() for line in str(cause).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
