"""Models that are hosted for this process: whoever hosts them says where they are, and clients follow.

What hosts them is not this room's business; `reward_fn.hosting.models` does, and says so with `use_models`.
"""

from __future__ import annotations

import asyncio
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import Future

from reward_fn.judges.llm.traffic import traffic_of
from reward_fn.judges.llm.turns import NoTurnError
from reward_fn.schema import FailureKind

URLS = ["hosted"]
"""What stands for the URLs of a hosted model, which come and go."""
Location = tuple[str, str, float]
"""The URL, the key and the weight of a server."""


class HostedModel(ABC):
    """A model that is hosted for this process.

    Args:
        name: What its clients call it.
        path: The model itself, which is what caches know its answers by.
        start_s: Seconds that a server of it may take to be ready.
    """

    def __init__(self, name: str, path: str, start_s: float) -> None:
        self.name, self.path = name, path
        self._start_s = start_s
        self._lock = threading.Lock()
        self._locations: tuple[Location, ...] = ()
        self._used: set[str] = set()
        self._trouble = ""
        self._arrivals: set[Future[None]] = set()

    @property
    def locations(self) -> tuple[Location, ...]:
        """The servers that take requests now, as far as is known here; the same object while nothing changes."""
        return self._locations

    @property
    def load(self) -> int:
        """The requests of this process that wait for it or are in flight."""
        return self.waiting + sum(self.in_flight.values())

    @property
    def waiting(self) -> int:
        """The requests of this process that wait for their turn."""
        return traffic_of(self.name, URLS).waiting

    @property
    def in_flight(self) -> dict[str, int]:
        """The requests of this process in flight, by the URL that they were sent to."""
        counts = {url: traffic_of(self.name, [url]).in_flight for url in list(self._used)}
        return {url: count for url, count in counts.items() if count}

    @abstractmethod
    def want(self) -> None:
        """Note that there is a request; from any thread."""

    async def arrival(self, max_wait: float) -> None:
        """Wait until there is a server.

        Args:
            max_wait: Seconds to wait, beside those that a server may take to be ready.

        Raises:
            NoTurnError: There is none, and will be none.
        """
        arrived: Future[None] = Future()
        with self._lock:
            if self._locations:
                return
            self._arrivals.add(arrived)
        self.want()
        seconds = self._start_s + max_wait
        try:
            await asyncio.wait_for(asyncio.wrap_future(arrived), seconds)
        except asyncio.TimeoutError:
            why = self._trouble or "none is ready"
            told = f"no server of the hosted model {self.name} within {seconds:g} s: {why}"
            raise NoTurnError(FailureKind.UNAVAILABLE, told, retriable=True) from None
        finally:
            with self._lock:
                self._arrivals.discard(arrived)

    def _tell(self, locations: tuple[Location, ...], trouble: str = "", *, hopeless: bool = False) -> None:
        """Note where the servers are; from any thread.

        Args:
            locations: Where.
            trouble: Why there are not more; empty if nothing is the matter.
            hopeless: Whether it is of no use to wait for one.
        """
        with self._lock:
            self._trouble = trouble
            if locations != self._locations:
                self._locations = locations
                self._used.update(url for url, _, _ in locations)
            told: set[Future[None]] = set()
            if locations or hopeless:
                told, self._arrivals = self._arrivals, told
        for arrived in told:
            if not arrived.set_running_or_notify_cancel():
                continue
            if locations:
                arrived.set_result(None)
            else:
                why = f"there is no server of the hosted model {self.name}: {trouble}"
                arrived.set_exception(NoTurnError(FailureKind.UNAVAILABLE, why))


Provider = Callable[[str], HostedModel]
"""Returns the model of a name, the same one each time."""

_provider: Provider | None = None


def use_models(provider: Provider | None) -> None:
    """Have the clients of this process, those that have sent nothing yet, find hosted models here.

    Args:
        provider: Where; None: nowhere, as it is from the start.
    """
    global _provider
    _provider = provider


def hosted_model(name: str) -> HostedModel:
    """Return the hosted model of a name.

    Raises:
        NoTurnError: Nothing hosts models for this process, or none of this name.
    """
    if _provider is None:
        told = (
            f"no model is hosted for this process, and so not {name}: say hosting: {{models: {{{name}: {{path: …}}}}}} "
            "in verl's reward_kwargs, or call reward_fn.hosting.models.attach.attach_models"
        )
        raise NoTurnError(FailureKind.UNAVAILABLE, told)
    return _provider(name)
