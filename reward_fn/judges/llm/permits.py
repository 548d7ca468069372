"""Permits to send a request to an endpoint: what a client asks for before it sends, wherever the budget is kept.

In one process the budget is kept in it (`LocalPermits`). A program whose processes share an endpoint puts something
else in its place by `use_permits`, as `reward_fn.hosting.limiter` does for a cluster; judges do not notice.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from reward_fn.judges.llm.breaker import Outcome
from reward_fn.judges.llm.budget import Budget
from reward_fn.judges.llm.desk import Desk
from reward_fn.judges.llm.limits import Limits
from reward_fn.judges.llm.turns import Waiter


class ClosedError(Exception):
    """The endpoint takes nothing for now; `Permits.closed_for` says how long."""


@dataclass(frozen=True, slots=True)
class Permit:
    """Leave to send one request.

    Attributes:
        number: Its number, unique for what gave it.
        tokens: What the request is thought to take.
    """

    number: int
    tokens: int


class Permits(ABC):
    """The permits of one model behind one URL and key, in one event loop."""

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self._asked: dict[int, tuple[asyncio.Future[None], int]] = {}

    @property
    @abstractmethod
    def closed_for(self) -> float:
        """Seconds for which the endpoint takes nothing, as far as is known here; 0 if it may."""

    @property
    @abstractmethod
    def out(self) -> bool:
        """Whether that is because it failed too often, and not because it asked for a pause."""

    async def acquire(self, tokens: int, priority: int) -> Permit:
        """Wait for a permit; who stops waiting (cancellation, a time limit) gives up its place.

        Args:
            tokens: What the request is thought to take.
            priority: How urgent it is; 0 first.

        Raises:
            ClosedError: The endpoint takes nothing, or stopped to while this one waited.
        """
        permit = Permit(next(self._numbers), tokens)
        if self._at_once(permit):
            return permit
        future = asyncio.get_running_loop().create_future()
        self._asked[permit.number] = future, tokens
        self._ask(permit, priority)
        try:
            await future
        except asyncio.CancelledError:
            if self._asked.pop(permit.number, None) is not None:
                self._leave(permit, priority)
            elif not future.cancelled() and future.exception() is None:
                self.release(permit, None, Outcome.UNSENT)
            raise
        return permit

    @abstractmethod
    def release(self, permit: Permit, used: int | None, outcome: Outcome) -> None:
        """Give a permit back.

        Args:
            permit: The permit.
            used: The tokens that the request took; None if that is not known.
            outcome: What the request says of the endpoint.
        """

    @abstractmethod
    def pause(self, seconds: float) -> None:
        """Let no request go for so long, as the endpoint asked for."""

    @abstractmethod
    def restrict(self, limits: Limits) -> None:
        """Keep these limits as well as those before."""

    def _at_once(self, permit: Permit) -> bool:
        """Take a permit if that needs no waiting."""
        return False

    @abstractmethod
    def _ask(self, permit: Permit, priority: int) -> None:
        """Ask for a permit, which `_grant` brings."""

    @abstractmethod
    def _leave(self, permit: Permit, priority: int) -> None:
        """Ask no more."""

    def _grant(self, number: int) -> None:
        future, tokens = self._asked.pop(number, (None, 0))
        if future is None or future.done():  # whoever asked has gone
            self.release(Permit(number, tokens), None, Outcome.UNSENT)
        else:
            future.set_result(None)

    def _refuse(self, number: int, error: Exception) -> None:
        future, _ = self._asked.pop(number, (None, 0))
        if future is not None and not future.done():
            future.set_exception(error)


class LocalPermits(Permits):
    """Permits from a budget in this process.

    Args:
        limits: What the budget keeps.
    """

    def __init__(self, limits: Limits) -> None:
        super().__init__()
        self._desk = Desk(Budget(limits, time.monotonic()))
        self._timer: asyncio.TimerHandle | None = None

    @property
    def closed_for(self) -> float:
        """See `Permits`."""
        return self._desk.budget.closed_for(time.monotonic())

    @property
    def out(self) -> bool:
        """See `Permits`."""
        return self._desk.budget.out

    @property
    def full(self) -> bool:
        """Whether the next request would have to wait."""
        return bool(self._desk.waiting) or self._desk.budget.wait(0, time.monotonic()) > 0

    @property
    def in_flight(self) -> int:
        """Permits that are out."""
        return self._desk.budget.in_flight

    def release(self, permit: Permit, used: int | None, outcome: Outcome) -> None:
        """See `Permits`."""
        self._desk.budget.settle(permit.tokens, used, outcome, time.monotonic())
        self._serve()

    def pause(self, seconds: float) -> None:
        """See `Permits`."""
        if seconds > 0:
            self._desk.budget.pause(seconds, time.monotonic())
            self._serve()

    def restrict(self, limits: Limits) -> None:
        """See `Permits`."""
        self._desk.budget.restrict(limits, time.monotonic())

    def _at_once(self, permit: Permit) -> bool:
        now = time.monotonic()
        if self._desk.waiting or self._desk.budget.wait(permit.tokens, now) > 0:
            return False
        self._desk.budget.take(permit.tokens, now)
        return True

    def _ask(self, permit: Permit, priority: int) -> None:
        self._desk.waiting.add(Waiter(permit.number, permit.tokens, priority))
        self._serve()

    def _leave(self, permit: Permit, priority: int) -> None:
        self._desk.waiting.remove(Waiter(permit.number, permit.tokens, priority))
        self._serve()

    def _serve(self) -> None:
        if not self._desk.waiting:
            return
        now = time.monotonic()
        for waiter in self._desk.served(now):
            self._grant(waiter.number)
        for waiter in self._desk.refused(now):
            self._refuse(waiter.number, ClosedError())
        if self._timer is not None:
            self._timer.cancel()
        wait = self._desk.next_in(now)
        self._timer = None if wait is None else asyncio.get_running_loop().call_later(wait, self._serve)


Provider = Callable[[str, Limits], Permits]
"""Returns the permits of a name for the running event loop, the same ones each time, which keep these limits too."""

_local: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, LocalPermits]] = WeakKeyDictionary()


def local_permits(name: str, limits: Limits) -> Permits:
    """Return permits whose budget all users of the name in this process's event loop share."""
    shared = _local.setdefault(asyncio.get_running_loop(), {})
    if name not in shared:
        shared[name] = LocalPermits(limits)
    else:
        shared[name].restrict(limits)
    return shared[name]


_provider: Provider = local_permits


def use_permits(provider: Provider | None) -> None:
    """Have the clients of this process, those that have sent nothing yet, ask for their permits here.

    Args:
        provider: Where; None: in this process, as it is from the start.
    """
    global _provider
    _provider = provider or local_permits


def permits_of(base_url: str, api_key: str, model: str, limits: Limits) -> Permits:
    """Return the permits of a model behind a URL and a key, in the running event loop.

    Args:
        base_url: The URL.
        api_key: The key, of which only a fingerprint goes on; empty for none.
        model: The model: limits of providers are those of a model.
        limits: What they keep; with other limits of the same name, both are kept.
    """
    fingerprint = hashlib.sha256(api_key.encode()).hexdigest()[:12] if api_key else "no key"
    return _provider(f"{base_url} {model} {fingerprint}", limits)
