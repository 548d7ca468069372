"""Whether a cluster has room for a replica, and what it lacks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reward_fn.hosting.models.settings import ModelSettings

_NAMES = {"GPU": "GPUs", "CPU": "cores"}


def impossible(settings: ModelSettings, nodes: Sequence[Mapping[str, float]]) -> str | None:
    """Return why no node can ever have a replica; None if one can.

    Args:
        settings: What a replica takes.
        nodes: What each node of the cluster has, free or not.
    """
    need = _need(settings)
    if any(all(node.get(name, 0) >= amount for name, amount in need.items()) for node in nodes):
        return None
    has = "; ".join(", ".join(f"{node.get(name, 0):g} {_NAMES[name]}" for name in need) for node in nodes)
    return f"a replica takes {_told(need)} of one node, and no node has so many (they have: {has or 'nothing'})"


def missing(settings: ModelSettings, all_there: Mapping[str, float], free: Mapping[str, float]) -> str:
    """Return what a replica waits for that could have a place and has none.

    Args:
        settings: What a replica takes.
        all_there: What the cluster has.
        free: What of it nobody has taken.
    """
    need = _need(settings)
    short = [name for name in need if free.get(name, 0) < need[name]] or list(need)
    amounts = ", ".join(f"{free.get(name, 0):g} of {all_there.get(name, 0):g} {_NAMES[name]}" for name in short)
    return f"a replica waits for {_told(need)} of one node; free in the whole cluster: {amounts}"


def _need(settings: ModelSettings) -> dict[str, float]:
    return {name: amount for name, amount in (("GPU", settings.gpus), ("CPU", settings.num_cpus)) if amount}


def _told(need: Mapping[str, float]) -> str:
    return " and ".join(f"{amount:g} {_NAMES[name]}" for name, amount in need.items())
