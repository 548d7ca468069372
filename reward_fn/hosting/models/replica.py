"""The actor that has one server of a model, on the node and with the GPUs that Ray gives it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from reward_fn.hosting.models.server import Condition, Server
from reward_fn.hosting.models.settings import ModelSettings


@dataclass(frozen=True, slots=True)
class News:
    """How a replica's server is.

    Attributes:
        number: Grows with each change, from 1.
        condition: How it is.
    """

    number: int
    condition: Condition


class Replica:
    """A server of a model.

    It is never started again by Ray: what has died may have its place elsewhere, so another one is made.

    Args:
        actor: Its name.
        model: What users call the model.
        settings: What it serves, and by what.
        key: What it asks of its users.
    """

    def __init__(self, actor: str, model: str, settings: ModelSettings, key: str) -> None:
        self._arguments = model, settings, key
        self._log_name = actor
        self._news = News(1, Condition())
        self._changed = asyncio.Event()
        self._running: asyncio.Task[None] | None = None

    async def news(self, seen: int) -> News:
        """Return how the server is, when that is something else than what was seen.

        Args:
            seen: The number of the last news; 0 for none.
        """
        if self._running is None:
            self._running = asyncio.get_running_loop().create_task(self._run())
        while self._news.number == seen:
            await self._changed.wait()
        return self._news

    async def _run(self) -> None:
        import ray

        host = ray.util.get_node_ip_address()
        await Server(*self._arguments, host, self._log_name, self._tell).run()

    def _tell(self, condition: Condition) -> None:
        self._news = News(self._news.number + 1, condition)
        self._changed.set()
        self._changed = asyncio.Event()
