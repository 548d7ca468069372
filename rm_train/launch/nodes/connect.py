"""A connection to a Ray cluster that runs already, for looking at it.

Ray changes the process that joins: whoever has more to do asks through `rm_train.launch.nodes.ask`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rm_train.launch.checks.cluster import address_problem

_ANSWER_S = 5.0
"""How long an address may take to answer as Ray does."""

WANTS_TOKEN = "it wants a token: set RAY_AUTH_MODE=token, and have the token in ~/.ray/auth_token or RAY_AUTH_TOKEN"
"""Since Ray 2.60 `ray start` asks drivers for one, and a driver that is given HOST:PORT shows none by itself."""


class ClusterError(Exception):
    """There is no such cluster, or it lets nobody in."""


@contextmanager
def connected(address: str, key: str = "--address", **ray_init: Any) -> Iterator[None]:  # noqa: ANN401 - Ray's options
    """Be connected to a cluster inside the block; none is started.

    Args:
        address: HOST:PORT, or `auto` for the environment's RAY_ADDRESS, else the cluster that this machine is part of.
        key: What the user calls the address.
        **ray_init: More of what `ray.init` takes.

    Raises:
        ClusterError: It cannot be reached; the message says what to do.
    """
    address = os.environ.get("RAY_ADDRESS", address) if address == "auto" else address
    if problem := address_problem(key, address):
        fix = f"call this on a node of the cluster, or write {key} HOST:PORT as `ray start` printed it"
        raise ClusterError(f"{problem.key}: {problem.what}; {fix}")
    if "ray" not in sys.modules:
        _prepare()
    import ray

    if address != "auto" and "://" not in address and not _speaks_grpc(address):
        raise ClusterError(f"{key}: what answers at {address} is no Ray cluster; its port is 6379 by default")

    options = {"namespace": "rm-train", "log_to_driver": False, "logging_level": "ERROR", **ray_init}
    try:
        ray.init(address=address, **options)
    except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        raise ClusterError(f"{key}: {address} answers, but cannot be joined: {_reason(error)}") from error
    try:
        yield
    finally:
        ray.shutdown()


def _reason(error: Exception) -> str:
    """Return in a line why Ray could not join, with what to do."""
    import ray

    causes = f"{error} {error.__cause__}"
    if "AuthToken" in causes or "AuthenticationError" in causes:
        return WANTS_TOKEN
    told = " ".join(str(error).split())
    if "Version mismatch" in causes:
        return f"{told}; use the same Python and Ray on all nodes and here"
    return f"{told}; if it is a cluster of Ray {ray.__version__}, {WANTS_TOKEN}"


def _prepare() -> None:
    """Say how Ray is to join; it reads this when it is imported."""
    os.environ.setdefault("RAY_NUM_REDIS_GET_RETRIES", "1")  # it tries 20 times by itself, of which each may take 40 s
    show_token()


def show_token() -> None:
    """Have Ray show the token that it finds here, which it does not by itself to an address that it is given.

    It reads this when it is imported; a process that has imported it is left as it is.
    """
    if "ray" not in sys.modules and has_token():
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


def has_token() -> bool:
    """Return whether Ray would find a token to show here."""
    return bool(os.environ.get("RAY_AUTH_TOKEN")) or token_file().is_file()


def token_file() -> Path:
    """Return the file where Ray looks for a token, unless RAY_AUTH_TOKEN has it."""
    named = os.environ.get("RAY_AUTH_TOKEN_PATH")
    return Path(named) if named else Path.home() / ".ray" / "auth_token"
