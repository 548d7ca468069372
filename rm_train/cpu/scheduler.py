"""Decides which requests are in the batch: the event loop's side of a generator that runs in a thread of its own.

One thread does all that touches the model, one thing at a time: a stretch of generation, or work that needs the batch
to be empty, such as a change of weights. Requests that come while such work waits are held back, so it is not put off
for ever and no answer is made with two versions of the weights.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import TypeVar

from rm_train.cpu.generation import BatchGenerator, Completion, Request

ARRIVAL_PAUSE_S = 0.03
"""Waiting requests join the batch when no request has come for this long.

Agent loops send the requests of a step nearly at once, and the rollouts of one prompt share its reading only when they
join together."""

LONGEST_PAUSE_S = 0.3
"""The longest that a request waits for others, however often they come."""

T = TypeVar("T")


class Scheduler:
    """Answers requests with one generator.

    Args:
        generator: Used by this scheduler's thread only.
        max_sequences: The most sequences in the batch.
        max_cached_tokens: The most tokens that the sequences in the batch may come to have together, when each is
            counted as long as the longest may become; a single sequence always fits.
        initialize_thread: Called first in the thread.
    """

    def __init__(
        self,
        generator: BatchGenerator,
        max_sequences: int,
        max_cached_tokens: int,
        initialize_thread: Callable[[], None] | None = None,
    ) -> None:
        self._generator = generator
        self._max_sequences = max_sequences
        self._max_cached_tokens = max_cached_tokens
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="hf_cpu", initializer=initialize_thread)
        self._answers: dict[Completion, asyncio.Future[None]] = {}
        self._waiting: deque[Completion] = deque()
        self._batch: set[Completion] = set()
        self._unwanted: set[Completion] = set()
        self._idle_work: deque[tuple[Callable[[], object], asyncio.Future[object]]] = deque()
        self._first_arrival: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._settled = False
        self._wake = asyncio.Event()
        self._interrupt = Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start answering; requests that came before are answered too."""
        if self._task is None:
            self._task = asyncio.create_task(self._serve())
            self._task.add_done_callback(self._stopped)

    async def close(self) -> None:
        """Stop for good: end all requests, and the thread."""
        await self.abort_all()
        if self._task is not None:
            self._task.cancel()
        self._thread.shutdown()

    def _stopped(self, task: asyncio.Task[None]) -> None:
        """Let nobody wait for ever."""
        error = None if task.cancelled() else task.exception()
        for completion in self._answers:
            self._answer(completion, error or RuntimeError("the rollout server has been shut down"))

    async def complete(self, request: Request) -> Completion:
        """Continue a prompt to its end; when the caller is cancelled, the sequence leaves the batch.

        Raises:
            Exception: What generating raised; all that are in the batch get it, and later requests do not.
        """
        completion = Completion(request)
        self._answers[completion] = asyncio.get_running_loop().create_future()
        self._waiting.append(completion)
        self._await_others()
        try:
            await self._answers[completion]
        finally:
            del self._answers[completion]
            if completion in self._batch:
                self._remove([completion])
        return completion

    async def when_idle(self, work: Callable[[], T]) -> T:
        """Run work in the model's thread as soon as the batch is empty, ahead of requests that wait."""
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._idle_work.append((work, done))  # type: ignore[arg-type]
        self._wake.set()
        return await done

    async def abort_all(self) -> None:
        """End all requests with what they have got."""
        for completion in self._waiting:
            completion.stop_reason = "aborted"
            self._answer(completion)
        self._waiting.clear()
        self._remove(self._batch)
        if self._task is not None:
            await self.when_idle(lambda: None)

    def _remove(self, completions: Iterable[Completion]) -> None:
        self._unwanted.update(completions)
        self._next_turn()

    def _answer(self, completion: Completion, error: BaseException | None = None) -> None:
        """Tell the caller that its completion has ended, if it still waits."""
        answer = self._answers.get(completion)
        if answer is None or answer.done():
            return
        if error is None:
            answer.set_result(None)
        else:
            answer.set_exception(error)

    def _await_others(self) -> None:
        """Let the waiting requests join after a pause, at once when they fill the batch."""
        loop = asyncio.get_running_loop()
        if self._first_arrival is None:
            self._first_arrival = loop.time()
        if self._timer is not None:
            self._timer.cancel()
        full = len(self._waiting) + len(self._batch) >= self._max_sequences
        pause = 0.0 if full else min(ARRIVAL_PAUSE_S, self._first_arrival + LONGEST_PAUSE_S - loop.time())
        self._timer = loop.call_later(max(pause, 0.0), self._settle)

    def _settle(self) -> None:
        self._settled = True
        self._first_arrival = self._timer = None
        self._next_turn()

    def _next_turn(self) -> None:
        self._interrupt.set()
        self._wake.set()

    async def _serve(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._batch or self._idle_work or (self._waiting and self._settled):
                await self._turn()

    async def _turn(self) -> None:
        """Do what waits for an empty batch, or change the batch and generate until something else is to be done."""
        if self._idle_work and not self._batch:
            work, done = self._idle_work.popleft()
            result, error = await self._in_thread(work)
            if done.cancelled():
                return
            if error is None:
                done.set_result(result)
            else:
                done.set_exception(error)
            return
        self._interrupt.clear()
        leaving, self._unwanted = self._unwanted & self._batch, set()
        joining = self._admit()
        self._batch.update(joining)
        ended, error = await self._in_thread(lambda: self._stretch(leaving, joining))
        if error is not None:
            self._generator.remove_all()
        finished = self._batch if error is not None else {*leaving, *(ended or ())}
        for completion in [*finished]:
            self._batch.discard(completion)
            self._answer(completion, error)

    def _admit(self) -> list[Completion]:
        """Take from the waiting requests, in their order, as many as may be in the batch."""
        joining: list[Completion] = []
        if self._idle_work or not self._settled:
            return joining
        longest = max((_longest(completion) for completion in self._batch), default=0)
        while self._waiting:
            count = len(self._batch) + len(joining) + 1
            longest = max(longest, _longest(self._waiting[0]))
            if count > 1 and (count > self._max_sequences or count * longest > self._max_cached_tokens):
                return joining
            completion = self._waiting.popleft()
            if completion in self._answers:
                joining.append(completion)
        self._settled = False
        return joining

    def _stretch(self, leaving: Iterable[Completion], joining: Sequence[Completion]) -> list[Completion]:
        """Generate until a sequence ends or the event loop asks for a turn; return the sequences that have ended."""
        self._generator.remove(leaving)
        self._generator.join(joining)
        while self._generator.running and not self._interrupt.is_set():
            ended = self._generator.advance()
            if ended:
                return ended
        return []

    async def _in_thread(self, work: Callable[[], T]) -> tuple[T | None, BaseException | None]:
        running = asyncio.get_running_loop().run_in_executor(self._thread, work)
        await asyncio.wait([running])
        error = running.exception()
        return (None, error) if error is not None else (running.result(), None)


def _longest(completion: Completion) -> int:
    request = completion.request
    return len(request.prompt) + request.params.max_tokens
