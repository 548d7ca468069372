"""What stands between a client's doors and its endpoints: cache, money, turns, repetitions, hedges, counts, log."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary

from reward_fn import loop
from reward_fn.judges.llm.breaker import Outcome
from reward_fn.judges.llm.completion import Completion, UnusableError, read_completion
from reward_fn.judges.llm.endpoint import Endpoint, EndpointError
from reward_fn.judges.llm.estimate import TokenEstimate
from reward_fn.judges.llm.hosted import hosted_model
from reward_fn.judges.llm.limits import Limits
from reward_fn.judges.llm.permits import LocalPermits, permits_of
from reward_fn.judges.llm.pool import Pool, Turn
from reward_fn.judges.llm.priority import current_priority
from reward_fn.judges.llm.request_log import RequestLog
from reward_fn.judges.llm.routes import FixedRoutes, HostedRoutes, Route, Routes
from reward_fn.judges.llm.spent import now_spent
from reward_fn.judges.llm.traffic import note_permits, traffic_of
from reward_fn.judges.llm.turns import NoTurnError
from reward_fn.judges.llm.usage import Usage
from reward_fn.once import Made, once
from reward_fn.schema import FailureKind, RewardError
from reward_fn.store import key_of, open_store

if TYPE_CHECKING:
    from tenacity import RetryCallState

    from reward_fn.judges.llm.client import OpenaiLLM

T = TypeVar("T")

_FIRST_PAUSE_S = 0.5
"""The pause before the first repetition; each further one is twice as long."""


@dataclass(frozen=True, slots=True)
class _Here:
    """What belongs to one event loop: the client's own places for requests in flight, and its endpoints."""

    places: LocalPermits
    pool: Pool


class Line:
    """The requests of one client, in one process."""

    def __init__(self, settings: OpenaiLLM) -> None:
        self.usage = Usage()
        self.takes_schemas = True
        self._settings = settings
        self._traffic = traffic_of(settings.model, settings.urls)
        self._live: WeakKeyDictionary[asyncio.AbstractEventLoop, _Here] = WeakKeyDictionary()
        self._estimate = TokenEstimate() if settings.tokens_per_minute else None
        file = None if isinstance(settings.cache, bool) else settings.cache
        self._store = open_store(file) if settings.cache else None
        self._log = (
            RequestLog(settings.log_file, [key for _, key, _ in settings.addresses]) if settings.log_file else None
        )

    async def ask(self, body: Mapping[str, Any], made_from: object, read: Callable[[Completion], T]) -> T:
        """Return what is read of the answer to a request.

        With a cache, the answer comes from there, or from the same request if that is on its way.

        Raises:
            RewardError: There is no usable answer; or whatever `read` raises, and then the answer is not kept.
        """
        if self._store is None:
            return read(await self._bounded(body))
        key, made_here = key_of(made_from), False

        async def make(keys: list[str]) -> dict[str, Made[T]]:
            nonlocal made_here
            made_here = True
            completion = await self._bounded(body)
            return {key: (read(completion), completion.to_json()) for key in keys}

        found = await once(self._store, [key], lambda content: read(Completion.from_json(content)), make)
        self.usage.cache_hits += not made_here
        return found[key]

    async def _bounded(self, body: Mapping[str, Any]) -> Completion:
        deadline = self._settings.deadline
        if deadline is None:
            return await self._repeated(body)
        try:
            return await asyncio.wait_for(self._repeated(body), deadline)
        except asyncio.TimeoutError:
            raise RewardError(FailureKind.TIMEOUT, f"no answer by the deadline of {deadline:g} s") from None

    def _refuse_to_queue(self) -> None:
        most = self._settings.max_waiting
        if most is not None and self.usage.waiting >= most:
            told = f"{self.usage.waiting} requests wait for their turn, as many as max_waiting allows"
            raise NoTurnError(FailureKind.RATE_LIMIT, told, retriable=True)

    async def _repeated(self, body: Mapping[str, Any]) -> Completion:
        from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt

        tried: list[Route] = []
        retrying = AsyncRetrying(
            stop=stop_after_attempt(self._settings.max_retries + 1),
            retry=retry_if_exception(partial(self._passes, tried)),
            wait=partial(self._pause, tried),
            before_sleep=self._count_retry,
            reraise=True,
        )
        return await retrying(self._hedged, body, tried)

    def _passes(self, tried: list[Route], error: BaseException) -> bool:
        if isinstance(error, EndpointError):
            if error.elsewhere and self._here().pool.open_beside(tried):
                return True
            if error.pause_s > self._settings.max_wait:
                return False
        lasting = isinstance(error, UnusableError | NoTurnError)
        return isinstance(error, RewardError) and error.failure.retriable and not lasting

    def _pause(self, tried: list[Route], state: RetryCallState) -> float:
        if self._here().pool.open_beside(tried):
            return 0.0
        error = state.outcome.exception() if state.outcome else None
        wanted = error.pause_s if isinstance(error, EndpointError) else 0.0
        own = min(self._settings.max_wait, _FIRST_PAUSE_S * 2 ** (state.attempt_number - 1))
        return wanted + random.uniform(own / 2, own)

    def _count_retry(self, _: RetryCallState) -> None:
        self.usage.retries += 1
        self._traffic.retries += 1

    async def _hedged(self, body: Mapping[str, Any], tried: list[Route]) -> Completion:
        """Send a request, and beside a slow one another; the first usable answer counts."""
        patience = self._settings.hedge_after
        if patience is None:
            return await self._send(body, tried)
        tasks = [asyncio.create_task(self._send(body, tried))]
        try:
            done, waiting = await asyncio.wait(tasks, timeout=patience)
            if not done and not self._here().places.full and not self._here().pool.closed:
                self.usage.hedges += 1
                tasks.append(asyncio.create_task(self._send(body, tried)))
                done, waiting = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if waiting and all(task.exception() for task in done):
                done, _ = await asyncio.wait(waiting)
            good = [task for task in done if not task.exception()]
            return await (good or list(done))[0]
        finally:
            for task in tasks:
                task.cancel()

    async def _send(self, body: Mapping[str, Any], tried: list[Route]) -> Completion:
        outcome: Completion | RewardError
        async with self._turn(body, tried) as turn:
            began = time.monotonic()
            try:
                outcome = await self._exchanged(body, turn)
            except RewardError as error:
                self._record(body, error, turn.route, time.monotonic() - began)
                raise
        self._record(body, outcome, turn.route, time.monotonic() - began)
        return outcome

    async def _exchanged(self, body: Mapping[str, Any], turn: Turn) -> Completion:
        """Send a request once, and note what it says of the endpoint's limits."""
        permits, longest = turn.route.permits, self._settings.max_wait
        try:
            content, pause_s = await turn.route.endpoint.send(body)
        except EndpointError as error:
            permits.pause(min(error.pause_s, longest))
            raise
        permits.pause(min(pause_s, longest))
        try:
            answer: Completion | UnusableError = read_completion(content)
        except UnusableError as error:
            answer = error
        if answer.prompt_tokens:
            turn.used = answer.prompt_tokens + answer.completion_tokens
            if self._estimate:
                self._estimate.learn(body, answer.prompt_tokens, answer.completion_tokens)
        if isinstance(answer, UnusableError):
            raise answer
        return answer

    @asynccontextmanager
    async def _turn(self, body: Mapping[str, Any], tried: list[Route]) -> AsyncIterator[Turn]:
        """Wait for a place of the client's, then for the turn at an endpoint, and hold both."""
        here, urgency = self._here(), current_priority()
        tokens = self._estimate.of(body) if self._estimate else 0
        if not tried:  # repetitions had their place before
            self._refuse_to_queue()
        with ExitStack() as waits:
            waits.enter_context(self._waiting())
            place = await here.places.acquire(0, urgency)
            try:
                async with here.pool.turn(body, tokens, urgency, tried) as turn:
                    waits.close()
                    self._refuse_over_budget()
                    self.usage.requests += 1
                    self.usage.most_in_flight = max(self.usage.most_in_flight, here.places.in_flight)
                    with self._in_flight(turn.route):
                        yield turn
            finally:
                here.places.release(place, None, Outcome.UNKNOWN)

    @contextmanager
    def _waiting(self) -> Iterator[None]:
        """Count a request as one that waits for its turn."""
        began = time.monotonic()
        self.usage.waiting += 1
        self._traffic.waiting += 1
        try:
            yield
        finally:
            seconds = time.monotonic() - began
            self.usage.waiting -= 1
            self._traffic.waiting -= 1
            self.usage.waited_s += seconds
            now_spent().waited_s += seconds

    @contextmanager
    def _in_flight(self, route: Route) -> Iterator[None]:
        """Count a request as one that is sent."""
        traffic, began = traffic_of(self._settings.model, [route.name]), time.monotonic()
        traffic.requests += 1
        traffic.in_flight += 1
        try:
            yield
        finally:
            traffic.in_flight -= 1
            now_spent().worked_s += time.monotonic() - began

    def _here(self) -> _Here:
        """Return what belongs to the running event loop."""
        running = asyncio.get_running_loop()
        if running not in self._live:
            settings = self._settings
            pool = Pool(self._routes(), sticky_chars=settings.sticky_chars, max_wait=settings.max_wait)
            self._live[running] = _Here(LocalPermits(Limits(max_in_flight=settings.max_concurrency)), pool)
        return self._live[running]

    def _routes(self) -> Routes:
        settings = self._settings
        if settings.hosted:
            return HostedRoutes(hosted_model(settings.model), self._route, settings.max_wait)
        return FixedRoutes([self._route(*address) for address in settings.addresses])

    def _route(self, base_url: str, key: str, weight: float) -> Route:
        settings = self._settings
        endpoint = Endpoint(
            base_url,
            key,
            connections=settings.max_concurrency,
            connect_timeout=settings.connect_timeout,
            read_timeout=settings.read_timeout or settings.timeout,
            timeout=settings.timeout,
            direct=settings.hosted,
        )
        loop.at_end(endpoint.close)
        permits = permits_of(base_url, key, settings.model, settings.limits)
        note_permits(settings.model, base_url, permits)
        return Route(base_url, endpoint, permits, weight)

    def _refuse_over_budget(self) -> None:
        most = self._settings.max_cost
        if most is not None and self.usage.cost >= most:
            raise RewardError(FailureKind.BUDGET, f"the run has cost ${self.usage.cost:.2f} of max_cost ${most:.2f}")

    def _record(self, body: Mapping[str, Any], outcome: Completion | RewardError, route: Route, seconds: float) -> None:
        usage, settings = self.usage, self._settings
        traffic = traffic_of(settings.model, [route.name])
        if isinstance(outcome, RewardError):
            usage.failures[outcome.failure.kind] += 1
            traffic.failures[outcome.failure.kind.value] += 1
        if isinstance(outcome, Completion | UnusableError):
            usage.prompt_tokens += outcome.prompt_tokens
            usage.completion_tokens += outcome.completion_tokens
            paid = settings.input_price * outcome.prompt_tokens + settings.output_price * outcome.completion_tokens
            usage.cost += paid / 1e6
            for counts in (traffic, now_spent()):
                counts.tokens += outcome.prompt_tokens + outcome.completion_tokens
                counts.cost += paid / 1e6
        if self._log:
            self._log.write(body, outcome, seconds)
