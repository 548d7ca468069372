"""What this process scores, told to the board of its cluster and to Ray's metrics once a second.

Nothing of it is on the way of a reward: reports are made in the background, and one that cannot be made is made later.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
import uuid
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from reward_fn.hosting.actors import named_actor
from reward_fn.hosting.background import background, require_ray
from reward_fn.hosting.board_actor import Board, Report
from reward_fn.hosting.ray_metrics import RayMetrics

T = TypeVar("T")

ACTOR = "reward_fn board"
"""The actor's name, also in Ray's dashboard."""
_ANSWER_S = 10.0
"""How long the actor may take to answer, or to come back."""
_STEP_S = 2.0
"""How long a training step waits for the figures of the cluster."""

_NOTHING = Report({}, {})

_logger = logging.getLogger(__name__)


class BoardSettings(BaseModel):
    """How a process tells what it scores."""

    model_config = ConfigDict(extra="forbid")

    every_s: float = Field(default=1.0, gt=0, description="seconds between reports, if there is news")
    gone_s: float = Field(
        default=30.0,
        gt=0,
        description="a process that is silent for so long is gone; one without news says so three times as often",
    )


class Reporter:
    """Tells the board what this process scores, as long as it is in the cluster.

    Args:
        settings: How often.

    Attributes:
        failures: How often the board could not be told or asked.
    """

    def __init__(self, settings: BoardSettings) -> None:
        import ray

        context = ray.get_runtime_context()
        self.failures = 0
        self._settings = settings
        self._node = context.get_node_id()
        self._process, self._name = uuid.uuid4().hex, f"{ray.util.get_node_ip_address()}:{os.getpid()}"
        self._metrics = RayMetrics()
        self._actor: Any = None
        self._making = asyncio.Lock()
        self._told = _NOTHING
        self._told_at = 0.0
        self._work = asyncio.run_coroutine_threadsafe(self._report(), background())

    @property
    def at_work(self) -> bool:
        """Whether this process is still in the cluster that it was in when this was made."""
        import ray

        return bool(ray.is_initialized()) and ray.get_runtime_context().get_node_id() == self._node

    def make(self) -> None:
        """Have the board made soon, if there is none."""
        asyncio.run_coroutine_threadsafe(self._tried(lambda board: board.status.remote(), _ANSWER_S), background())

    def step(self) -> dict[str, float]:
        """Return `Board.step`, nothing if it does not come soon; and as `unanswered` how often the board failed."""
        asked = self._tried(lambda board: board.step.remote(), _STEP_S)
        figures: dict[str, float] | None = asyncio.run_coroutine_threadsafe(asked, background()).result()
        return {**(figures or {}), "unanswered": float(self.failures)}

    async def _report(self) -> None:
        while self.at_work:
            report = Report.now()
            try:
                self._metrics.tell(report)
            except Exception as error:  # noqa: BLE001 - whatever it is, no reward shall fail for it
                self._failed("Ray's metrics", error)
            if self._is_due(report) and await self._tried(partial(self._say, report), _ANSWER_S):
                self._told, self._told_at = report, time.monotonic()
            await asyncio.sleep(self._settings.every_s)

    def _is_due(self, report: Report) -> bool:
        # Who is at something that takes long must be heard of too, or it would count as gone.
        silent_s = time.monotonic() - self._told_at
        return report != self._told or (report != _NOTHING and silent_s > self._settings.gone_s / 3)

    def _say(self, report: Report, board: Any) -> Awaitable[bool]:  # noqa: ANN401 - its handle
        said: Awaitable[bool] = board.report.remote(self._process, self._name, report)
        return said

    async def _tried(self, call: Callable[[Any], Awaitable[T]], seconds: float) -> T | None:
        """Call the board; None if it does not answer."""
        from ray.exceptions import ActorDiedError

        try:
            return await asyncio.wait_for(self._called(call), seconds)
        except Exception as error:  # noqa: BLE001 - whatever it is, no reward shall wait or fail for it
            if isinstance(error, ActorDiedError):  # it went with the process that made it
                self._actor = None
            self._failed(f"the actor {ACTOR}", error)
            return None

    def _failed(self, whom: str, error: Exception) -> None:
        self.failures += 1
        if self.failures == 1:
            _logger.warning("%s cannot be told what goes on, and is told later: %r", whom, error)

    async def _called(self, call: Callable[[Any], Awaitable[T]]) -> T:
        async with self._making:
            if self._actor is None:
                settings = self._settings
                self._actor = await asyncio.to_thread(named_actor, Board, ACTOR, settings.gone_s, settings.every_s)
        return await call(self._actor)


_lock = threading.Lock()
_reporter: Reporter | None = None


def attach_board(settings: BoardSettings | None = None) -> None:
    """Have this process report what it scores, until it leaves the cluster.

    Args:
        settings: How often; those of the process that reports first are the board's.

    Raises:
        RuntimeError: This process is not connected to Ray.
    """
    global _reporter
    require_ray()
    with _lock:
        if _reporter is None or not _reporter.at_work:
            _reporter = Reporter(settings or BoardSettings())


def reporter() -> Reporter | None:
    """Return what reports for this process, if anything does."""
    return _reporter if _reporter is not None and _reporter.at_work else None
