"""The endpoints of a client: which one a request goes to, when it may go, and what they are known to fail at."""

from __future__ import annotations

import asyncio
import hashlib
import math
import random
import time
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from reward_fn.judges.llm.breaker import Outcome
from reward_fn.judges.llm.completion import UnusableError
from reward_fn.judges.llm.permits import ClosedError, Permit
from reward_fn.judges.llm.routes import Route, Routes
from reward_fn.judges.llm.turns import NoTurnError
from reward_fn.schema import FailureKind, RewardError

_SPREAD_S = 0.25
"""Requests that waited for the same moment go within so many seconds, not all at once."""
_CROWDED = 1.25
"""Where requests stick to an endpoint, it takes so many times its share of them; more go to the next one."""
_WORKING = {FailureKind.REJECTED, FailureKind.BAD_INPUT, FailureKind.REFUSAL}
"""Failures that are of the request and not of the endpoint. So are answers that cannot be used."""
_SILENT = {FailureKind.BUDGET}
"""Failures before anything was sent."""


@dataclass(eq=False, slots=True)
class Turn:
    """A request that may be sent.

    Attributes:
        route: Where to.
        used: The tokens that it took, to be written when that is known.
    """

    route: Route
    used: int | None = None


class Pool:
    """Several endpoints, or one; while there is none, requests wait for one to come.

    Args:
        routes: The endpoints.
        sticky_chars: Requests whose texts begin with the same so many characters go to the same endpoint; 0: to the
            one with the least to do.
        max_wait: Seconds that a request waits for an endpoint at most, while all are out.
    """

    def __init__(self, routes: Routes, *, sticky_chars: int, max_wait: float) -> None:
        self._routes = routes
        self._sticky_chars, self._max_wait = sticky_chars, max_wait

    def open_beside(self, tried: Collection[Route]) -> bool:
        """Return whether there is an endpoint that was not tried and takes requests now."""
        return any(route not in tried and route.permits.closed_for == 0 for route in self._routes.now())

    @property
    def closed(self) -> bool:
        """Whether no endpoint takes requests now."""
        return all(route.permits.closed_for > 0 for route in self._routes.now())

    @asynccontextmanager
    async def turn(
        self, body: Mapping[str, Any], tokens: int, priority: int, tried: list[Route]
    ) -> AsyncIterator[Turn]:
        """Wait until a request may go somewhere, and hold its permit until it is done.

        Args:
            body: The request.
            tokens: What it is thought to take.
            priority: How urgent it is; 0 first.
            tried: Where it was sent before; where it goes now is appended.

        Raises:
            NoTurnError: All endpoints are out or pausing for too long.
        """
        route, permit = await self._admitted(body, tokens, priority, tried)
        turn, outcome = Turn(route), Outcome.UNKNOWN
        try:
            yield turn
            outcome = Outcome.WORKED
        except RewardError as error:
            outcome = _outcome(error)
            raise
        finally:
            route.load -= 1
            route.permits.release(permit, turn.used, outcome)

    async def _admitted(
        self, body: Mapping[str, Any], tokens: int, priority: int, tried: list[Route]
    ) -> tuple[Route, Permit]:
        began = time.monotonic()
        while True:
            if not (routes := self._routes.now()):
                await self._routes.arrival()
                continue
            route = self._choice(routes, body, tried)
            closed_for = route.permits.closed_for
            if closed_for > 0:  # and so are all others
                self._refuse_to_wait(routes, closed_for, time.monotonic() - began)
                await asyncio.sleep(closed_for + random.uniform(0, _SPREAD_S))
                continue
            route.load += 1
            try:
                permit = await route.permits.acquire(tokens, priority)
            except ClosedError:
                route.load -= 1
            except BaseException:
                route.load -= 1
                raise
            else:
                tried.append(route)
                return route, permit

    def _choice(self, routes: Sequence[Route], body: Mapping[str, Any], tried: Collection[Route]) -> Route:
        if len(routes) == 1:
            return routes[0]
        ready = [route for route in routes if route.permits.closed_for == 0]
        if not ready:
            return min(routes, key=lambda route: route.permits.closed_for)
        fresh = [route for route in ready if route not in tried] or ready
        if self._sticky_chars:
            ordered = _by_prefix(fresh, _start(body, self._sticky_chars))
            share = (sum(route.load for route in fresh) + 1) / sum(route.weight for route in fresh)
            return next((route for route in ordered if route.load < _CROWDED * share * route.weight), ordered[0])
        return min(fresh, key=lambda route: ((route.load + 1) / route.weight, random.random()))

    def _refuse_to_wait(self, routes: Sequence[Route], closed_for: float, waited: float) -> None:
        names = ", ".join(dict.fromkeys(route.name for route in routes))
        if any(route.permits.out for route in routes):
            if waited + closed_for > self._max_wait:
                told = f"out after failures, for longer than max_wait of {self._max_wait:g} s: {names}"
                raise NoTurnError(FailureKind.UNAVAILABLE, told, retriable=True)
        elif closed_for > self._max_wait:
            told = f"wants a pause of {closed_for:.0f} s, longer than max_wait of {self._max_wait:g} s: {names}"
            raise NoTurnError(FailureKind.RATE_LIMIT, told, retriable=True)


def _outcome(error: RewardError) -> Outcome:
    """Return what a failure says of the endpoint."""
    kind = error.failure.kind
    if kind in _SILENT:
        return Outcome.UNSENT
    if kind in _WORKING or isinstance(error, UnusableError):
        return Outcome.WORKED
    if kind is FailureKind.RATE_LIMIT and error.failure.retriable:
        return Outcome.UNKNOWN
    return Outcome.FAILED


def _start(body: Mapping[str, Any], characters: int) -> str:
    """Return the first characters of a request's texts."""
    start = ""
    for message in body["messages"]:
        start += str(message.get("content") or "")[: characters - len(start)]
        if len(start) >= characters:
            break
    return start


def _by_prefix(routes: Sequence[Route], start: str) -> list[Route]:
    """Return routes in an order that depends on a text, each one first for its share of texts (rendezvous hashing).

    If a route comes or goes, texts change their place only if it is to it or from it.
    """

    def place(route: Route) -> float:
        digest = hashlib.blake2b(f"{route.name}\0{start}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
        return -math.log((int.from_bytes(digest, "big") + 1) / 2**64) / route.weight

    return sorted(routes, key=place)
