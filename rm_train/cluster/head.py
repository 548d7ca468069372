"""Waiting for a head: nodes of a cluster start in any order, and take their time."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

from rm_train.cluster.node import NodeError

PORT = 6379
"""Where a head listens by default."""


def wait_for_head(address: str, wait_s: float, tell: Callable[[str], None]) -> None:
    """Wait until something answers at an address.

    Args:
        address: HOST:PORT.
        wait_s: For so long.
        tell: Takes a line that says what is waited for.

    Raises:
        NodeError: It is no address, or nothing has answered.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise NodeError(f"{address} is no address; write HOST or HOST:PORT, as `head` has printed it")
    until, told = time.monotonic() + wait_s, False
    while reason := _silence(host, int(port)):
        if time.monotonic() > until:
            raise NodeError(f"{address} did not answer in {wait_s:g} s ({reason})")
        if not told:
            tell(f"waiting up to {wait_s:g} s for {address} ({reason})")
            told = True
        time.sleep(1)


def _silence(host: str, port: int) -> str | None:
    """Return why nothing answers, with what to look for; None if something does."""
    try:
        socket.create_connection((host, port), timeout=3).close()
    except socket.gaierror:
        return f"no host is known here by the name {host}: write its address, or correct the name"
    except OSError as error:
        why = "no answer" if isinstance(error, TimeoutError) else error.strerror or str(error)
        return f"{why}: is the head started, is this its address, and does a firewall let port {port} through?"
    return None
