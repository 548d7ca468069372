"""The endpoints that a client may send a request to: those it was told, or those that come and go."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from reward_fn.judges.llm.endpoint import Endpoint
from reward_fn.judges.llm.hosted import HostedModel, Location
from reward_fn.judges.llm.permits import Permits


@dataclass(eq=False, slots=True)
class Route:
    """One endpoint of a client.

    Attributes:
        name: What to call it in messages: its URL.
        endpoint: Its connections.
        permits: Its permits.
        weight: Its share, beside the weights of the others.
        load: Requests of this client that wait for it or are in flight.
    """

    name: str
    endpoint: Endpoint
    permits: Permits
    weight: float = 1.0
    load: int = 0


class Routes(ABC):
    """The endpoints of a client."""

    @abstractmethod
    def now(self) -> Sequence[Route]:
        """Return those that there are."""

    @abstractmethod
    async def arrival(self) -> None:
        """Wait until there is one.

        Raises:
            NoTurnError: There will be none.
        """


class FixedRoutes(Routes):
    """Endpoints that stay.

    Args:
        routes: One or more of them.
    """

    def __init__(self, routes: Sequence[Route]) -> None:
        self._routes = routes

    def now(self) -> Sequence[Route]:
        """See `Routes`."""
        return self._routes

    async def arrival(self) -> None:
        """See `Routes`."""


class HostedRoutes(Routes):
    """The servers of a hosted model.

    Args:
        model: The model.
        make: Makes a route.
        max_wait: Seconds that a request waits for a server at most, beside those that one may take to be ready.
    """

    def __init__(self, model: HostedModel, make: Callable[[str, str, float], Route], max_wait: float) -> None:
        self._model, self._make, self._max_wait = model, make, max_wait
        self._routes: dict[Location, Route] = {}
        self._known: tuple[Location, ...] = ()
        self._closing: set[asyncio.Task[None]] = set()

    def now(self) -> Sequence[Route]:
        """See `Routes`."""
        self._model.want()
        locations = self._model.locations
        if not locations:  # perhaps the same ones come again
            return []
        if locations is not self._known:
            self._known, before = locations, self._routes
            self._routes = {one: before.pop(one) if one in before else self._make(*one) for one in locations}
            for gone in before.values():
                self._close(gone)
        return list(self._routes.values())

    async def arrival(self) -> None:
        """See `Routes`."""
        await self._model.arrival(self._max_wait)

    def _close(self, route: Route) -> None:
        """Close the connections to a server that has gone; those in use end with the loop."""
        if route.load == 0:
            task = asyncio.get_running_loop().create_task(route.endpoint.close())
            self._closing.add(task)  # the event loop itself keeps no hold on its tasks
            task.add_done_callback(self._closing.discard)
