"""A judge's endpoint on loopback that speaks OpenAI's chat completions and answers as a test says."""

from __future__ import annotations

import asyncio
import json
import threading
import time

from aiohttp import web

HANG = object()
"""Never answer."""
RESET = object()
"""Close the connection without an answer."""
BROKEN = object()
"""Send half of a response."""


def completion(text, *, finish_reason="stop", tokens=(100, 20), logprobs=None, **message):
    """Return the body of a chat completion."""
    return {
        "id": "x",
        "object": "chat.completion",
        "created": 1,
        "model": "scripted",
        "choices": [
            {
                "index": 0,
                "finish_reason": finish_reason,
                "logprobs": logprobs,
                "message": {"role": "assistant", "content": text, **message},
            }
        ],
        "usage": {"prompt_tokens": tokens[0], "completion_tokens": tokens[1], "total_tokens": sum(tokens)},
    }


class Endpoint:
    """The server, in a thread of its own.

    `script` is called with each request's body, and returns a text, a body, a pair of status and body, a triple of
    those and headers, or one of HANG, RESET and BROKEN. It can be replaced at any time.
    """

    def __init__(self, script=lambda _: "fine", latency=0.0):
        self.script, self.latency = script, latency
        self.requests, self.headers, self.times = [], [], []
        self.in_flight = self.most_in_flight = 0
        self.abandoned = 0
        self._loop = asyncio.new_event_loop()
        ready = threading.Event()
        threading.Thread(target=self._serve, args=[ready], daemon=True).start()
        assert ready.wait(10)
        self.url = f"http://127.0.0.1:{self.port}/v1"

    def _serve(self, ready):
        async def start():
            app = web.Application(client_max_size=2**26)
            app.router.add_post("/v1/chat/completions", self._answer)
            self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
            await self._runner.setup()
            site = web.TCPSite(self._runner, "127.0.0.1", 0)
            await site.start()
            self.port = self._runner.addresses[0][1]
            ready.set()

        self._loop.run_until_complete(start())
        self._loop.run_forever()

    async def _answer(self, request):
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            return await self._scripted(request)
        except asyncio.CancelledError:
            self.abandoned += 1
            raise
        finally:
            self.in_flight -= 1

    async def _scripted(self, request):
        body = await request.json()
        self.requests.append(body)
        self.headers.append(dict(request.headers))
        self.times.append(time.monotonic())
        answer = self.script(body)
        await asyncio.sleep(self.latency)
        if answer is HANG:
            await asyncio.sleep(3600)
        if answer is RESET:
            request.transport.abort()
            return web.Response()
        if answer is BROKEN:
            whole = json.dumps(completion("fine")).encode()
            return web.Response(body=whole[: len(whole) // 2], content_type="application/json")
        status, content, headers = 200, answer, {}
        if isinstance(answer, tuple):
            status, content, headers = (*answer, {})[:3]
        if isinstance(content, str) and status == 200:
            content = completion(content)
        return web.json_response(content, status=status, headers=headers)

    def close(self):
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)


def prompt_of(body):
    """Return all text of a request."""
    return "\n".join(message["content"] for message in body["messages"])
