"""What stands between a client's doors and its endpoint: cache, budget, limits, repetitions, hedges, counts, log."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary

from reward_fn import loop
from reward_fn.judges.llm.completion import Completion, UnusableError, read_completion
from reward_fn.judges.llm.endpoint import Endpoint, EndpointError
from reward_fn.judges.llm.limiter import Limiter
from reward_fn.judges.llm.request_log import RequestLog
from reward_fn.judges.llm.usage import Usage
from reward_fn.schema import FailureKind, RewardError
from reward_fn.store import key_of, look_up, open_store

if TYPE_CHECKING:
    from tenacity import RetryCallState

    from reward_fn.judges.llm.client import OpenaiLLM

T = TypeVar("T")

_FIRST_PAUSE_S = 0.5
"""The pause before the first repetition; each further one is twice as long."""


class Line:
    """The requests of one client, in one process."""

    def __init__(self, settings: OpenaiLLM) -> None:
        self.usage = Usage()
        self.takes_schemas = True
        self._settings = settings
        self._live: WeakKeyDictionary[asyncio.AbstractEventLoop, tuple[Endpoint, Limiter]] = WeakKeyDictionary()
        file = None if isinstance(settings.cache, bool) else settings.cache
        self._on_disk = file is not None
        self._store = open_store(file) if settings.cache else None
        self._log = RequestLog(settings.log_file, settings.api_key.get_secret_value()) if settings.log_file else None

    async def ask(self, body: Mapping[str, Any], made_from: object, read: Callable[[Completion], T]) -> T:
        """Return what is read of the answer to a request, which comes from the cache if it is there.

        Raises:
            RewardError: There is no usable answer; or whatever `read` raises, and then the answer is not kept.
        """
        if self._store is None:
            return read(await self._bounded(body))
        key = key_of(made_from)
        kept = await self._outside(look_up, self._store, [key])
        if key in kept:
            self.usage.cache_hits += 1
            return read(Completion.from_json(kept[key]))
        completion = await self._bounded(body)
        result = read(completion)
        await self._outside(self._store.put, {key: completion.to_json()})
        return result

    async def _outside(self, access: Any, *arguments: Any) -> Any:  # noqa: ANN401 - one of the store's two doors
        # Another process may hold the file for a while, which must not stop this loop.
        return await asyncio.to_thread(access, *arguments) if self._on_disk else access(*arguments)

    async def _bounded(self, body: Mapping[str, Any]) -> Completion:
        deadline = self._settings.deadline
        if deadline is None:
            return await self._repeated(body)
        try:
            return await asyncio.wait_for(self._repeated(body), deadline)
        except asyncio.TimeoutError:
            raise RewardError(FailureKind.TIMEOUT, f"no answer by the deadline of {deadline:g} s") from None

    async def _repeated(self, body: Mapping[str, Any]) -> Completion:
        from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt

        retrying = AsyncRetrying(
            stop=stop_after_attempt(self._settings.max_retries + 1),
            retry=retry_if_exception(self._passes),
            wait=self._pause,
            before_sleep=self._count_retry,
            reraise=True,
        )
        return await retrying(self._hedged, body)

    def _passes(self, error: BaseException) -> bool:
        if isinstance(error, EndpointError) and error.pause_s > self._settings.max_wait:
            return False
        return isinstance(error, RewardError) and error.failure.retriable and not isinstance(error, UnusableError)

    def _pause(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        wanted = error.pause_s if isinstance(error, EndpointError) else 0.0
        own = min(self._settings.max_wait, _FIRST_PAUSE_S * 2 ** (state.attempt_number - 1))
        return wanted + random.uniform(own / 2, own)

    def _count_retry(self, _: RetryCallState) -> None:
        self.usage.retries += 1

    async def _hedged(self, body: Mapping[str, Any]) -> Completion:
        """Send a request, and beside a slow one another; the first usable answer counts."""
        patience = self._settings.hedge_after
        if patience is None:
            return await self._send(body)
        tasks = [asyncio.create_task(self._send(body))]
        try:
            done, waiting = await asyncio.wait(tasks, timeout=patience)
            if not done and not self._endpoint()[1].full:
                self.usage.hedges += 1
                tasks.append(asyncio.create_task(self._send(body)))
                done, waiting = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if waiting and all(task.exception() for task in done):
                done, _ = await asyncio.wait(waiting)
            good = [task for task in done if not task.exception()]
            return await (good or list(done))[0]
        finally:
            for task in tasks:
                task.cancel()

    async def _send(self, body: Mapping[str, Any]) -> Completion:
        endpoint, limiter = self._endpoint()
        async with limiter.slot():
            self._refuse_over_budget()
            self.usage.requests += 1
            self.usage.most_in_flight = max(self.usage.most_in_flight, limiter.in_flight)
            began = time.monotonic()
            outcome: Completion | RewardError
            try:
                content, pause_s = await endpoint.send(body)
                limiter.pause(min(pause_s, self._settings.max_wait))
                outcome = read_completion(content)
            except EndpointError as error:
                limiter.pause(min(error.pause_s, self._settings.max_wait))
                outcome = error
            except RewardError as error:
                outcome = error
        self._record(body, outcome, time.monotonic() - began)
        if isinstance(outcome, RewardError):
            raise outcome
        return outcome

    def _endpoint(self) -> tuple[Endpoint, Limiter]:
        """Return what belongs to the running event loop."""
        running = asyncio.get_running_loop()
        if running not in self._live:
            settings = self._settings
            endpoint = Endpoint(
                settings.base_url,
                settings.api_key.get_secret_value(),
                connections=settings.max_concurrency,
                connect_timeout=settings.connect_timeout,
                read_timeout=settings.read_timeout or settings.timeout,
                timeout=settings.timeout,
            )
            loop.at_end(endpoint.close)
            self._live[running] = endpoint, Limiter(settings.max_concurrency)
        return self._live[running]

    def _refuse_over_budget(self) -> None:
        most = self._settings.max_cost
        if most is not None and self.usage.cost >= most:
            raise RewardError(FailureKind.BUDGET, f"the run has cost ${self.usage.cost:.2f} of max_cost ${most:.2f}")

    def _record(self, body: Mapping[str, Any], outcome: Completion | RewardError, seconds: float) -> None:
        usage, settings = self.usage, self._settings
        if isinstance(outcome, RewardError):
            usage.failures[outcome.failure.kind] += 1
        if isinstance(outcome, Completion | UnusableError):
            usage.prompt_tokens += outcome.prompt_tokens
            usage.completion_tokens += outcome.completion_tokens
            paid = settings.input_price * outcome.prompt_tokens + settings.output_price * outcome.completion_tokens
            usage.cost += paid / 1e6
        if self._log:
            self._log.write(body, outcome, seconds)
