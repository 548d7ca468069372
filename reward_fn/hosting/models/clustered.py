"""A model that a cluster hosts, as one process sees it: it says what it has of it, and hears where the servers are."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

from reward_fn.hosting.actors import named_actor
from reward_fn.hosting.background import Bell, background
from reward_fn.hosting.models.directory import Listing
from reward_fn.hosting.models.keeper import Keeper, actor_name
from reward_fn.hosting.models.settings import ModelSettings
from reward_fn.judges.llm.hosted import HostedModel

_LINGER_S = 2.0
"""How long a process that has no requests any more goes on to hear where the servers are."""
_AGAIN_S = 0.2
"""Seconds until an actor that could not be asked is asked again."""


class ClusteredModel(HostedModel):
    """A model that actors of Ray's host, which are made by the process that needs them first.

    While this process has requests, it has one call at the controller, which tells both what they must know of each
    other. An idle process costs nothing.

    Args:
        name: What its clients call it.
        settings: How it is hosted, if no other process has said so before.
    """

    def __init__(self, name: str, settings: ModelSettings) -> None:
        super().__init__(name, settings.path, settings.start_s)
        self._settings = settings
        self._id = uuid.uuid4().hex
        self._seen = 0
        # Held as long as this process needs the model: Ray ends an actor when the one that made it drops its handle.
        self._keeper: Any = None
        self._controller: Any = None
        self._following: asyncio.Task[None] | None = None
        self._bell = Bell(self._follow_on)

    def want(self) -> None:
        """See `HostedModel`."""
        if self._following is None:
            self._bell.ring()

    def make(self) -> None:
        """Make the actors now, and wait for that, but not for the servers."""
        asyncio.run_coroutine_threadsafe(self._found(), background()).result()

    def _follow_on(self) -> None:
        if self._following is None:
            self._following = background().create_task(self._follow())

    async def _follow(self) -> None:
        import ray
        from ray.exceptions import ActorDiedError, ActorUnavailableError

        loop = asyncio.get_running_loop()
        busy = loop.time()
        try:
            while loop.time() < busy + _LINGER_S:
                if self.load:
                    busy = loop.time()
                if not ray.is_initialized():  # a call would start it again
                    self._tell((), "Ray was shut down, and with it the models that it hosts", hopeless=True)
                    return
                try:
                    await self._exchange()
                except ActorDiedError:
                    # It went with the process that had made it. The servers went too, so the next ones are others.
                    self._keeper = self._controller = None
                    self._tell(())
                    if not self.load:  # who needs the model next makes it again
                        return
                    await asyncio.sleep(_AGAIN_S)
                except ActorUnavailableError:
                    await asyncio.sleep(_AGAIN_S)
        except Exception as error:  # noqa: BLE001 - raised again where each request waits
            self._tell((), repr(error), hopeless=True)
        finally:
            # Where the servers are will be asked anew.
            self._seen, self._following = 0, None
            self._tell(())
            if self.load:
                self.want()

    async def _exchange(self) -> None:
        controller = self._controller or await self._found()
        listing: Listing = await controller.exchange.remote(self._id, self._seen, self.waiting, self.in_flight)
        if self._seen != listing.version:
            self._seen = listing.version
            self._tell(listing.addresses, listing.trouble, hopeless=listing.hopeless)

    async def _found(self) -> Any:  # noqa: ANN401 - an actor's handle
        """Return the controller, after making it if there is none."""
        if self._keeper is None:
            name = f"{actor_name(self.name)} keeper"
            self._keeper = named_actor(Keeper, name, self.name, self._settings, detached=self._settings.detached)
        self._controller = await self._keeper.controller.remote()
        return self._controller
