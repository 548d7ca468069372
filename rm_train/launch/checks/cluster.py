"""What a run asks of this machine and of a Ray cluster: GPUs that are there, and an address that answers."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from urllib.parse import urlsplit

import psutil
from omegaconf import DictConfig

from rm_train.launch.checks.problem import Problem, Severity

_ANSWER_S = 3.0
"""How long an address may take to answer."""

_DAEMONS = ("gcs_server", "raylet")
"""Processes of Ray's: of a head, and of each node."""

_LOCAL_ONLY = ("num_cpus", "num_gpus", "resources", "object_store_memory")
"""What Ray takes for a cluster that it starts, and refuses for one that it joins."""


def visible_gpus() -> int:
    """Return how many GPUs torch, and so verl, would find on this node."""
    import torch

    return torch.cuda.device_count()


def gpu_problems(config: DictConfig, *, elsewhere: bool) -> list[Problem]:
    """Find GPUs that are asked for and not there; only a warning where the run may take place on other machines."""
    wanted = config.trainer.n_gpus_per_node
    if config.trainer.device != "cuda":
        return []
    found = visible_gpus()
    if found >= wanted:
        return []
    fix = f"write trainer.n_gpus_per_node={found}" if found else "use hardware=cpu"
    return [Problem("trainer.n_gpus_per_node", f"wants {wanted} GPUs on this node, found {found} GPUs", fix,
                    Severity.WARNING if elsewhere else Severity.ERROR)]  # fmt: skip


def ray_address(config: DictConfig) -> tuple[str, str] | None:
    """Return where the address of an existing cluster is set, and the address; None when the run starts its own."""
    address = str(config.ray_kwargs.ray_init.get("address") or "auto")
    if address == "local":
        return None
    named = os.environ.get("RAY_ADDRESS")
    return ("RAY_ADDRESS", named) if named and address == "auto" else ("ray_address", address)


def ray_problems(overrides: Sequence[str], config: DictConfig) -> list[Problem]:
    """Find a cluster that does not answer, and settings that Ray refuses when it joins one."""
    if (given := ray_address(config)) is None:
        return []
    key, address = given
    ray_init = config.ray_kwargs.ray_init
    own = [name for name in _LOCAL_ONLY if ray_init.get(name) is not None]
    counts = [override.split("=")[0] for override in overrides if override.startswith("ray_counts.")]
    problems = []
    if own or counts:
        names = ", ".join([*own, *counts])
        problems.append(Problem(key, f"joins an existing cluster ({address}), which refuses {names}: its counts are "
                                "those of `ray start`", "leave them out, or write ray=local"))  # fmt: skip
    silent = address_problem(key, address)
    return [*problems, silent] if silent else problems


def address_problem(key: str, address: str) -> Problem | None:
    """Return why there is no cluster to join at an address, or None if something answers there."""
    if address == "auto":
        if any(process.info["name"] in _DAEMONS for process in psutil.process_iter(["name"])):
            return None
        return Problem(key, "is auto, and no Ray runs on this machine", "start it with: ray start --head")
    try:
        parts = urlsplit(address if "://" in address else f"//{address}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if host is None or port is None:
        return Problem(key, f"{address} is no address", "write HOST:PORT (6379 by default) or ray://HOST:10001")
    try:
        socket.create_connection((host, port), timeout=_ANSWER_S).close()
    except OSError as error:
        return Problem(key, f"nothing answers at {address} ({error})",
                       "start Ray there, correct the address, or leave it out to start Ray here")  # fmt: skip
    return None
