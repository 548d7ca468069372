"""A model that one process hosts for itself, without Ray: one server, on the same machine."""

from __future__ import annotations

import asyncio
import secrets
import threading

from reward_fn.hosting.background import background
from reward_fn.hosting.models.server import Condition, Server
from reward_fn.hosting.models.settings import ModelSettings
from reward_fn.judges.llm.hosted import HostedModel

_HOST = "127.0.0.1"


class LoneModel(HostedModel):
    """A model whose server is started by the first request, and ends with this process.

    It has the GPUs that this process sees; the bounds of replicas say nothing.

    Args:
        name: What its clients call it.
        settings: How it is served.
    """

    def __init__(self, name: str, settings: ModelSettings) -> None:
        super().__init__(name, settings.path, settings.start_s)
        self._settings = settings
        self._key = secrets.token_urlsafe(32)
        self._lock_of_start = threading.Lock()
        self._running: object = None
        self._failure: str | None = None

    def want(self) -> None:
        """See `HostedModel`."""
        with self._lock_of_start:
            if self._running is None:
                server = Server(self.name, self._settings, self._key, _HOST, self.name, self._heard)
                self._running = asyncio.run_coroutine_threadsafe(server.run(), background())
        if self._failure is not None:
            self._tell((), self._failure, hopeless=True)

    def make(self) -> None:
        """Do nothing: whoever only looks at a config needs no server."""

    def _heard(self, condition: Condition) -> None:
        self._failure = condition.failure
        if condition.url:
            self._tell(((condition.url, self._key, 1.0),))
        else:
            self._tell((), condition.failure or "", hopeless=condition.failure is not None)
