"""Plays the hosted LLM of the examples `judge` and `compare`: an endpoint on loopback that speaks OpenAI's API.

It stands for what lies outside this machine, and is the only thing here that is played: the rewards are the gallery's
own `rubric` and `pairwise_principles` with their real client. The verdict is a function of the texts in the prompt, by
lists of words, in the JSON that the client's schema asks for; it comes after a while, as an LLM's would.
"""

from __future__ import annotations

import json
import os
import re
import sys
import threading
import time
import zlib
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import click
import psutil
from questions import POLITE, RUDE

LATENCY_S = (0.03, 0.12)
"""The least and the most that a verdict takes; which of it is a function of the prompt."""
_SECTION = re.compile(r"\[(query|answer(?: [12])?) (\w+)\]\n(.*?)\n\[end of \1 \2\]", re.DOTALL)
_WORTH = {"rude": 0.0, "plain": 0.5, "polite": 1.0, "no": 0.0, "mostly": 0.5, "yes": 1.0}
"""Of the choices, where answers are compared."""


class UnreadableRequestError(ValueError):
    """A request is neither one of the rubric's with our criteria, nor a comparison of two answers."""


def polite(query: str, answer: str) -> tuple[str, str]:
    """Return a reason and a choice for the criterion `polite`."""
    if any(word in answer for word in RUDE):
        return "It is dismissive.", "rude"
    if any(word in answer for word in POLITE):
        return "It shows good will.", "polite"
    return "It is neither friendly nor rude.", "plain"


def named(query: str, answer: str) -> tuple[str, str]:
    """Return a reason and a choice for the criterion `named`."""
    (thing,) = re.findall(r"\b[Tt]he (\w+)(?=[ ?.]*(?:has|[?.]|$))", query)[-1:] or [""]
    if thing and re.search(rf"\b{thing}\b", answer):
        return f"It says {thing}.", "yes"
    return f"It does not say {thing or 'what it is about'}.", "no"


def brief(query: str, answer: str) -> tuple[str, str]:
    """Return a reason and a choice for the criterion `brief`."""
    words = len(answer.split())
    return f"It has {words} words.", "yes" if words <= 8 else "mostly" if words <= 12 else "no"


CRITERIA: dict[str, Callable[[str, str], tuple[str, str]]] = {"polite": polite, "named": named, "brief": brief}


def verdict(body: dict[str, Any]) -> str:
    """Return the reply to a request.

    Raises:
        UnreadableRequestError: It has no question and answers, no schema, or criteria that are not ours.
    """
    prompt = "\n".join(str(message["content"]) for message in body["messages"])
    texts = {found[1]: found[3] for found in _SECTION.finditer(prompt)}
    try:
        fields = body["response_format"]["json_schema"]["schema"]["properties"]
        return json.dumps(_compared(texts) if "better" in fields else _rated(texts, fields))
    except KeyError as error:
        raise UnreadableRequestError(f"the request lacks {error}, or asks for it, which is unknown here") from None


def _rated(texts: dict[str, str], fields: dict[str, Any]) -> dict[str, str]:
    asked = [name for name in fields if not name.endswith("reason")]
    found = {name: CRITERIA[name](texts["query"], texts["answer"]) for name in asked}
    reply = {"reason": " ".join(reason for reason, _ in found.values())}
    for name, (reason, choice) in found.items():
        reply |= {f"{name}_reason": reason, name: choice}
    return reply


def _compared(texts: dict[str, str]) -> dict[str, str]:
    first, second = (
        sum(_WORTH[judge(texts["query"], texts[name])[1]] for judge in CRITERIA.values())
        for name in ("answer 1", "answer 2")
    )
    better = "tie" if first == second else "1" if first > second else "2"
    return {"reason": f"The first is worth {first:g} and the second {second:g}.", "better": better}


class Handler(BaseHTTPRequestHandler):
    """Answers POST /v1/chat/completions."""

    protocol_version = "HTTP/1.1"
    server: Server

    def do_POST(self) -> None:
        """Give a verdict."""
        content = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.count()
        least, most = LATENCY_S
        time.sleep(least + (most - least) * (zlib.crc32(content) % 1000) / 1000)
        try:
            message = {"role": "assistant", "content": verdict(json.loads(content))}
        except UnreadableRequestError as error:
            self._send(400, {"error": {"message": str(error), "type": "invalid_request_error"}})
            return
        choice = {"index": 0, "finish_reason": "stop", "message": message}
        self._send(200, {"id": "played", "object": "chat.completion", "created": 0, "model": "judge",
                         "choices": [choice]})  # fmt: skip

    def log_message(self, *_: object) -> None:
        """Say nothing of each request."""

    def _send(self, status: int, body: dict[str, Any]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


class Server(ThreadingHTTPServer):
    """Takes as many connections at a time as the client opens."""

    daemon_threads = True
    request_queue_size = 128
    _counting = threading.Lock()
    asked = 0
    """Requests so far."""

    def count(self) -> None:
        """Count a request."""
        with self._counting:
            self.asked += 1


def open_server(port: int) -> Server:
    """Listen on loopback.

    Raises:
        click.ClickException: The port is taken.
    """
    try:
        return Server(("127.0.0.1", port), Handler)
    except OSError as error:
        raise click.ClickException(
            f"the judge's endpoint cannot have port {port}: {error.strerror}; choose another with JUDGE_PORT"
        ) from None


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--port", type=click.IntRange(1, 65535), default=8765, show_default=True)
@click.option("--while", "process", type=int, help="Go to the background, and end when this process has ended.")
def main(port: int, process: int | None) -> None:
    """Serve the judge of the examples on loopback; with --while, return as soon as it can be asked."""
    server = open_server(port)
    if process is None:
        click.echo(f"http://127.0.0.1:{port}/v1, until Ctrl-C")
    else:
        user = psutil.Process(process)
        if os.fork():
            return
        _leave_terminal()
        threading.Thread(target=_end_with, args=(user, server), daemon=True).start()
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        sys.exit(130)


def _leave_terminal() -> None:
    """Be no part of the terminal's Ctrl-C or of a pipe's life: the process that is served decides."""
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)


def _end_with(process: psutil.Process, server: Server) -> None:
    # A process that has ended and was not waited for yet asks no more either.
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.5)
    server.shutdown()


if __name__ == "__main__":
    main()
