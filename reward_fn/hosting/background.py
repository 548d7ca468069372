"""The event loop in which a process talks to the actors of its cluster.

It has a thread of its own, so that waiting for an actor never waits for a rule, a judge or a trainer's loop, and so
that a thread may wait for an actor even while it holds up the loop that it was called from.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable

_lock = threading.Lock()
_loops: dict[int, asyncio.AbstractEventLoop] = {}
"""The loop by process id: a forked child inherits the entry but not the thread that runs it."""


def background() -> asyncio.AbstractEventLoop:
    """Return the loop of this process."""
    with _lock:
        if os.getpid() not in _loops:
            loop = _loops[os.getpid()] = asyncio.new_event_loop()
            threading.Thread(target=loop.run_forever, name="reward_fn hosting", daemon=True).start()
        return _loops[os.getpid()]


def require_ray() -> None:
    """Refuse a process that is not connected to Ray.

    Raises:
        RuntimeError: It is not.
    """
    import ray

    if not ray.is_initialized():
        raise RuntimeError("this process is not connected to Ray: call ray.init first, or do not attach")


class Bell:
    """Has something done in the background loop soon, once for all that ring before it begins.

    Args:
        answer: What is done.
    """

    def __init__(self, answer: Callable[[], None]) -> None:
        self._answer = answer
        self._lock = threading.Lock()
        self._rung = False

    def ring(self) -> None:
        """Have it done; from any thread."""
        with self._lock:
            if self._rung:
                return
            self._rung = True
        background().call_soon_threadsafe(self._go)

    def _go(self) -> None:
        with self._lock:
            self._rung = False
        self._answer()
