"""The server of OpenRLHF's remote-reward protocol: `rm-train serve`.

POST /get_reward takes `{"query": [...], "prompts": [...], "labels": [...]}` and answers `{"rewards": [...],
"scores": [...], "extra_logs": {...}}` with a number for each answer. GET /health says that it is there, GET /stats what
it has done. There is no authentication: keep it in the cluster's own network.
"""

from __future__ import annotations

import signal
import socket
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ValidationError, ValidationInfo, field_validator
from starlette.requests import ClientDisconnect

from reward_fn.adapters.openrlhf.scorer import Scorer, ScoringFailedError
from reward_fn.schema import Failure

PATH = "/get_reward"
_STOP_S = 180
"""Seconds that requests in flight have when the server is stopped: as long as OpenRLHF waits for an answer."""


class Asked(BaseModel):
    """The body of a request; other keys are other versions' business."""

    query: list[str]
    prompts: list[str]
    labels: list[Any]

    @field_validator("prompts", "labels")
    @classmethod
    def _as_many(cls, value: list[Any], info: ValidationInfo) -> list[Any]:
        queries = info.data.get("query")
        if queries is not None and len(value) != len(queries):
            raise ValueError(f"there are {len(value)}, and {len(queries)} in query")
        return value


@dataclass
class Stats:
    """What a server has done so far.

    Attributes:
        requests: All requests for rewards by the status of the reply.
        answers: The answers in those that were read.
        failed: The answers without a score, by the kind of failure.
        seconds: The time that scoring took, summed over requests.
        in_flight: Requests at work.
    """

    requests: Counter[int] = field(default_factory=Counter)
    answers: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    in_flight: int = 0
    started: float = field(default_factory=time.time)

    def told(self) -> dict[str, Any]:
        """Return them as JSON."""
        return {
            "requests": {str(status): count for status, count in sorted(self.requests.items())},
            "answers": self.answers,
            "failed": dict(sorted(self.failed.items())),
            "seconds": round(self.seconds, 3),
            "in_flight": self.in_flight,
            "up_s": round(time.time() - self.started, 1),
        }

    def count_failures(self, failures: Mapping[int, Failure]) -> None:
        """Count answers without a score."""
        self.failed.update(failure.kind.value for failure in failures.values())


class RewardServer:
    """A reward behind HTTP.

    Args:
        scorer: The reward.
        max_bytes: The largest request.
    """

    def __init__(self, scorer: Scorer, *, max_bytes: int) -> None:
        self.stats = Stats()
        self._scorer, self._max_bytes = scorer, max_bytes
        self.app = FastAPI(openapi_url=None)
        self.app.add_api_route(PATH, self._get_reward, methods=["POST"], response_model=None)
        self.app.add_api_route("/health", self._health)
        self.app.add_api_route("/stats", self._told)

    def run(self, host: str, port: int, ready: Callable[[str], None]) -> None:
        """Serve until SIGTERM or SIGINT; requests in flight are answered first.

        Args:
            host: The address to listen at.
            port: The port; 0 for a free one.
            ready: Called with the URL of the rewards when requests are taken.

        Raises:
            OSError: The address or the port cannot be had.
        """
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.create_server((host, port), family=family) as listening:
            config = uvicorn.Config(
                self.app, log_level="warning", access_log=False, timeout_graceful_shutdown=_STOP_S, lifespan="off"
            )
            shown = f"[{host}]" if family == socket.AF_INET6 else host
            ready(f"http://{shown}:{listening.getsockname()[1]}{PATH}")
            # When it has stopped, uvicorn raises the signal once more, for whoever handled it before.
            before = signal.signal(signal.SIGTERM, lambda *_: None)
            try:
                with suppress(KeyboardInterrupt):
                    uvicorn.Server(config).run(sockets=[listening])
            finally:
                signal.signal(signal.SIGTERM, before)

    async def _health(self) -> dict[str, str]:
        return {"status": "ok", "reward": self._scorer.reward.name}

    async def _told(self) -> dict[str, Any]:
        return self.stats.told()

    async def _get_reward(self, request: Request) -> JSONResponse:
        self.stats.in_flight += 1
        try:
            reply = await self._reply(request)
        finally:
            self.stats.in_flight -= 1
        self.stats.requests[reply.status_code] += 1
        return reply

    async def _reply(self, request: Request) -> JSONResponse:
        try:
            body = await self._body(request)
        except ClientDisconnect:
            return JSONResponse({"detail": "the client is gone"}, 400)
        if body is None:
            return JSONResponse({"detail": f"the request is larger than {self._max_bytes} bytes"}, 413)
        try:
            asked = Asked.model_validate_json(body)
        except ValidationError as error:
            problems = [
                {"field": ".".join(map(str, one["loc"])) or "body", "problem": one["msg"].removeprefix("Value error, ")}
                for one in error.errors()
            ]
            return JSONResponse({"detail": problems}, 422)
        start = time.perf_counter()
        self.stats.answers += len(asked.query)
        try:
            scored = await self._scorer.ascore(asked.query, asked.prompts, asked.labels)
        except ScoringFailedError as error:
            self.stats.count_failures(error.failures)
            return JSONResponse({"detail": str(error), "failures": _failures(error.failures)}, 500)
        finally:
            self.stats.seconds += time.perf_counter() - start
        self.stats.count_failures(scored.failures)
        reply = {"rewards": scored.rewards, "scores": scored.scores, "extra_logs": scored.logs}
        return JSONResponse(reply | {"failures": _failures(scored.failures)})

    async def _body(self, request: Request) -> bytes | None:
        """Return the request's body; None if it is too large, of which no more is read than may be."""
        if int(request.headers.get("content-length", 0)) > self._max_bytes:
            return None
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > self._max_bytes:
                return None
        return bytes(body)


def _failures(failures: Mapping[int, Failure]) -> list[dict[str, Any]]:
    return [
        {"index": place, "kind": failure.kind.value, "retriable": failure.retriable, "detail": failure.detail}
        for place, failure in failures.items()
    ]
