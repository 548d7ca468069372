"""The budgets of a cluster, in one actor of Ray's: which process may send how many requests, and when.

Each process says in one call what happened since its last: requests that want to go, those that gave up, those that
came back with what they took. The call returns when there is something to say: so permits travel in batches as large as
the load, and an idle process costs nothing. A newer call of a process sends the older one home.

What the actor knows dies with it. The processes then tell the next one what they hold and what waits; the rates begin
empty, so what is lost is time and never the limit.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from reward_fn.judges.llm.breaker import Outcome
from reward_fn.judges.llm.budget import Budget
from reward_fn.judges.llm.desk import Desk
from reward_fn.judges.llm.limits import Limits
from reward_fn.judges.llm.turns import Waiter

TICK_S = 0.005
"""While requests wait, permits are given out this often: one by one they would be too many messages."""

_FETCH_S = 1.0
"""A process that does not fetch its permits for so long is taken for gone; if it is not, it says `hello` again."""


class News(NamedTuple):
    """What a process has to say.

    Attributes:
        new: Requests that want to go: number, tokens, priority.
        gone: Numbers of those that want to no more.
        back: Requests that are done: number, tokens if they are known, outcome.
        pause_s: Seconds of silence that the endpoint asked for.
    """

    new: Sequence[tuple[int, int, int]] = ()
    gone: Sequence[int] = ()
    back: Sequence[tuple[int, int | None, Outcome]] = ()
    pause_s: float = 0.0


class Reply(NamedTuple):
    """What a process is told.

    Attributes:
        granted: Numbers of requests that may go.
        refused: Numbers of those that may not, since the endpoint takes nothing for now.
        closed_for: Seconds for which that is so; 0 if it takes requests.
        out: Whether that is because it failed too often.
    """

    granted: list[int]
    refused: list[int]
    closed_for: float
    out: bool


@dataclass(slots=True)
class _Client:
    """A process that uses a budget."""

    name: str
    job: str
    heard: float
    waiting: dict[int, Waiter] = field(default_factory=dict)
    held: dict[int, int] = field(default_factory=dict)
    granted: list[int] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    bell: asyncio.Future[None] | None = None

    def ring(self) -> None:
        """Send its waiting call home."""
        if self.bell is not None and not self.bell.done():
            self.bell.set_result(None)
            self.heard = time.monotonic()  # from now on its next call is waited for


class RateLimiter:
    """The budgets, by name, and the processes that use them.

    Args:
        lease_s: A process that says nothing for so long is gone, and what it holds is free again.
    """

    def __init__(self, lease_s: float) -> None:
        self._lease_s = lease_s
        self._desks: dict[str, Desk] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._clients: dict[str, _Client] = {}
        self._sweeper: asyncio.Task[None] | None = None

    async def hello(
        self,
        client: str,
        name: str,
        job: str,
        limits: Limits,
        held: dict[int, int],
        waiting: Sequence[tuple[int, int, int]],
    ) -> None:
        """Begin to use a budget, or go on after this actor has forgotten all.

        Args:
            client: The process's name for itself.
            name: The budget's name.
            job: What the process works for.
            limits: What the budget keeps, beside the limits that others brought.
            held: Requests in flight: tokens by number.
            waiting: Requests that want to go: number, tokens, priority.
        """
        now = time.monotonic()
        self._forget(client, now)
        if name not in self._desks:
            self._desks[name] = Desk(Budget(limits, now))
        desk = self._desks[name]
        desk.budget.restrict(limits, now)
        self._clients[client] = _Client(name, job, now, held=held)
        for _ in held:
            desk.budget.hold()
        self._apply(client, News(new=waiting), now)
        if self._sweeper is None:
            self._sweeper = asyncio.get_running_loop().create_task(self._sweep())

    async def exchange(self, client: str, news: News) -> Reply | None:
        """Hear what a process has to say, and answer when there is something to tell, after a while at the latest.

        Returns:
            The answer; None for a process that is not known (any more) and must say `hello`.
        """
        one, now = self._clients.get(client), time.monotonic()
        if one is None:
            return None
        one.heard = now
        self._apply(client, news, now)
        one.ring()
        if one.waiting and not one.granted and not one.refused:
            one.bell = bell = asyncio.get_running_loop().create_future()
            await asyncio.wait([bell], timeout=self._lease_s / 3)
            one.heard = now = time.monotonic()
        granted, one.granted, refused, one.refused = one.granted, [], one.refused, []
        budget = self._desks[one.name].budget
        return Reply(granted, refused, budget.closed_for(now), budget.out)

    async def leave(self, client: str) -> None:
        """Stop using a budget: all that the process holds is free."""
        self._forget(client, time.monotonic())

    async def in_use(self) -> dict[str, dict[str, int]]:
        """Return for each budget the processes that use it (`clients`), and their requests `in_flight`."""
        return {
            name: {
                "clients": sum(one.name == name for one in self._clients.values()),
                "in_flight": desk.budget.in_flight,
            }
            for name, desk in self._desks.items()
        }

    async def status(self) -> dict[str, float | str]:
        """Return for each budget the processes that use it, their requests, and whether its endpoint is left alone."""
        told: dict[str, float | str] = {}
        for name, counts in (await self.in_use()).items():
            waiting = sum(len(one.waiting) for one in self._clients.values() if one.name == name)
            state = "out" if self._desks[name].budget.out else "open"
            told[name] = f"{counts['clients']} clients, {counts['in_flight']} in flight, {waiting} waiting, {state}"
        return told

    def _apply(self, client: str, news: News, now: float) -> None:
        one = self._clients[client]
        desk = self._desks[one.name]
        crowded = bool(desk.waiting)
        for number, used, outcome in news.back:
            tokens = one.held.pop(number, None)
            if tokens is not None:
                desk.budget.settle(tokens, used, outcome, now)
        for number in news.gone:
            if waiter := one.waiting.pop(number, None):
                desk.waiting.remove(waiter)
        for number, tokens, priority in news.new:
            if number not in one.waiting and number not in one.held:
                one.waiting[number] = waiter = Waiter(number, tokens, priority, client, one.job)
                desk.waiting.add(waiter)
        if news.pause_s > 0:
            desk.budget.pause(news.pause_s, now)
        if crowded:
            self._serve_in(one.name, TICK_S)
        else:
            self._serve(one.name)

    def _serve(self, name: str) -> None:
        desk, now = self._desks[name], time.monotonic()
        for waiter in desk.served(now):
            one = self._clients[waiter.client]
            del one.waiting[waiter.number]
            one.held[waiter.number] = waiter.tokens
            one.granted.append(waiter.number)
            one.ring()
        for waiter in desk.refused(now):
            one = self._clients[waiter.client]
            del one.waiting[waiter.number]
            one.refused.append(waiter.number)
            one.ring()
        wait = desk.next_in(now)
        if wait is not None:
            self._serve_in(name, max(wait, TICK_S))

    def _serve_in(self, name: str, seconds: float) -> None:
        """Look again after so long, or earlier if that is planned."""
        loop = asyncio.get_running_loop()
        timer = self._timers.get(name)
        if timer is not None and not timer.cancelled() and loop.time() < timer.when() <= loop.time() + seconds:
            return
        if timer is not None:
            timer.cancel()
        self._timers[name] = loop.call_later(seconds, self._serve, name)

    def _forget(self, client: str, now: float) -> None:
        one = self._clients.pop(client, None)
        if one is None:
            return
        desk = self._desks[one.name]
        for waiter in one.waiting.values():
            desk.waiting.remove(waiter)
        for tokens in one.held.values():
            desk.budget.settle(tokens, None, Outcome.UNKNOWN, now)
        one.ring()
        self._serve(one.name)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(self._lease_s / 4)
            now = time.monotonic()
            for client in [client for client, one in self._clients.items() if self._gone(one, now)]:
                self._forget(client, now)

    def _gone(self, one: _Client, now: float) -> bool:
        # A process that waits calls again at once; one that does not fetch what it was given would go on to be given.
        longest = _FETCH_S if one.granted else self._lease_s
        return one.heard < now - longest
