"""A judge's endpoint, for `judges.py` and `plugin.py`: `python judge_server.py PORT SECONDS [SIGMA]`.

It takes a fixed time, or with SIGMA one that is log-normal, with SECONDS for a median and the same draws each time.

It replies in the form of the side that asks, which is known by the model's name. GET /stats tells and forgets the most
requests that were in flight, and the seconds in which the LAST came of /stats?last=LAST.
"""

import asyncio
import json
import random
import sys
import time

from aiohttp import web

REPLIES = {
    "ours": "<reason>All is in order.</reason><violated>[]</violated>",
    "rm_gallery": "<reason>All is in order.</reason>\n<violation>[]</violation>",
    "openjudge": json.dumps({"reason": "All is in order.", "score": 4}),
}


def main(port: int, seconds: float, sigma: float = 0.0) -> None:
    """Serve until the process is ended."""
    draws = random.Random(0)
    flight = {"now": 0, "most": 0, "requests": 0}
    times: list[float] = []
    bodies = {
        name: json.dumps({
            "id": "x", "object": "chat.completion", "created": 1, "model": name,
            "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": reply}}],
            "usage": {"prompt_tokens": 900, "completion_tokens": 20, "total_tokens": 920},
        }).encode()
        for name, reply in REPLIES.items()
    }  # fmt: skip

    async def answer(request: web.Request) -> web.Response:
        flight["now"] += 1
        flight["requests"] += 1
        times.append(time.monotonic())
        flight["most"] = max(flight["most"], flight["now"])
        try:
            body = await request.json()
            await asyncio.sleep(seconds * draws.lognormvariate(0, sigma))
            return web.Response(body=bodies[body["model"]], content_type="application/json")
        finally:
            flight["now"] -= 1

    async def stats(request: web.Request) -> web.Response:
        last = times[-int(request.query.get("last", 1)) :]
        told = {**flight, "span": last[-1] - last[0] if last else 0.0}
        flight.update(most=0, requests=0)
        times.clear()
        return web.json_response(told)

    app = web.Application(client_max_size=2**26)
    app.router.add_post("/v1/chat/completions", answer)
    app.router.add_get("/stats", stats)
    web.run_app(app, host="127.0.0.1", port=port, print=None, access_log=None)


main(int(sys.argv[1]), *map(float, sys.argv[2:]))
