"""An endpoint on loopback that speaks OpenAI's API, counts what it is asked, and breaks when it is told to."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter

from aiohttp import web
from fault_rewards import reply

LATENCY_S = 0.5


class Judge:
    """The endpoint, at work in a thread.

    Args:
        hangs: Of so many requests one is never answered; 0: all are.

    Attributes:
        asked: How often each prompt was asked for.
    """

    def __init__(self, hangs: int = 0) -> None:
        self.asked: Counter[str] = Counter()
        self._hangs = hangs
        self._port = 0
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        self._do(self._open())

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self._port}/v1"

    @property
    def requests(self) -> int:
        """How many requests came."""
        return self.asked.total()

    def down(self, seconds: float) -> None:
        """Be gone for so long: requests at work are cut off, and no other is taken."""
        self._do(self._runner.cleanup())
        self._do(asyncio.sleep(seconds))
        self._do(self._open())

    def close(self) -> None:
        """End it."""
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)

    def _do(self, work: object) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result()  # type: ignore[arg-type]

    async def _end(self) -> None:
        await self._runner.cleanup()
        hanging = asyncio.all_tasks() - {asyncio.current_task()}
        for task in hanging:
            task.cancel()
        await asyncio.gather(*hanging, return_exceptions=True)

    async def _open(self) -> None:
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._complete)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True)
        await site.start()
        self._port = self._runner.addresses[0][1]

    async def _complete(self, request: web.Request) -> web.Response:
        body = await request.json()
        prompt = body["messages"][-1]["content"]
        self.asked[prompt] += 1
        await asyncio.sleep(LATENCY_S if not self._hangs or self.requests % self._hangs else 3600)
        message = {"role": "assistant", "content": reply(prompt)}
        return web.json_response(
            {
                "id": "1", "object": "chat.completion", "created": 0, "model": body["model"],
                "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
                "usage": {"prompt_tokens": len(prompt), "completion_tokens": 4, "total_tokens": len(prompt) + 4},
            }
        )  # fmt: skip
