"""A connection to a Ray cluster that runs already, for looking at it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rm_train.launch.checks.cluster import address_problem
from rm_train.launch.hardware import WANTS_TOKEN

_ANSWER_S = 5.0
"""How long an address may take to answer as Ray does."""


class ClusterError(Exception):
    """There is no such cluster, or it lets nobody in."""


@contextmanager
def connected(address: str) -> Iterator[None]:
    """Be connected to a cluster inside the block; none is started.

    Args:
        address: HOST:PORT, or `auto` for the environment's RAY_ADDRESS, else the cluster that this machine is part of.

    Raises:
        ClusterError: It cannot be reached; the message says what to do.
    """
    address = os.environ.get("RAY_ADDRESS", address) if address == "auto" else address
    if problem := address_problem("--address", address):
        fix = "call this on a node of the cluster, or write --address HOST:PORT as `ray start` printed it"
        raise ClusterError(f"{problem.key}: {problem.what}; {fix}")
    if "ray" not in sys.modules:
        _prepare()
    import ray

    if address != "auto" and "://" not in address and not _speaks_grpc(address):
        raise ClusterError(f"--address: what answers at {address} is no Ray cluster; its port is 6379 by default")

    try:
        ray.init(address=address, namespace="rm-train", log_to_driver=False, logging_level="ERROR")
    except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        told = f"if it is a cluster of Ray {ray.__version__}, {WANTS_TOKEN}"
        raise ClusterError(f"{address} answers, but cannot be joined ({error}); {told}") from error
    try:
        yield
    finally:
        ray.shutdown()


def _prepare() -> None:
    """Say how Ray is to join; it reads this when it is imported."""
    os.environ.setdefault("RAY_NUM_REDIS_GET_RETRIES", "1")  # it tries 20 times by itself, of which each may take 40 s
    if _has_token():  # which a driver that is given HOST:PORT does not show by itself
        os.environ.setdefault("RAY_AUTH_MODE", "token")


def _speaks_grpc(address: str) -> bool:
    import grpc

    if os.environ.get("RAY_USE_TLS") == "1":  # asked with keys, which Ray has
        return True
    with grpc.insecure_channel(address) as channel:
        try:
            grpc.channel_ready_future(channel).result(_ANSWER_S)
        except grpc.FutureTimeoutError:
            return False
    return True


def _has_token() -> bool:
    named = os.environ.get("RAY_AUTH_TOKEN_PATH")
    path = Path(named) if named else Path.home() / ".ray" / "auth_token"
    return bool(os.environ.get("RAY_AUTH_TOKEN")) or path.is_file()
