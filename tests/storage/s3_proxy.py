"""A proxy before an S3 server that passes on what it gets, unless it is told to misbehave."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Fault = Callable[["Handler", bytes], bool]
"""Gets a request and its body; returns whether it has answered, so that the server is not asked."""


class FaultyProxy:
    """Listens on a free port of this machine for as long as its block runs.

    Attributes:
        requests: Method and path of each request so far.
        fault: What is done to requests; None passes all on.
    """

    def __init__(self, server: str) -> None:
        self.server, self.requests, self.fault = server, [], None
        self.requests: list[tuple[str, str]]
        self.fault: Fault | None
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"proxy": self}))
        self.address = "{}:{}".format(*self._http.server_address)

    def __enter__(self) -> FaultyProxy:
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxy: FaultyProxy

    def do_GET(self) -> None:
        body = self.body()
        self.proxy.requests.append((self.command, self.path))
        if self.proxy.fault is not None and self.proxy.fault(self, body):
            return
        self.answer(*self.ask(body))

    do_PUT = do_POST = do_HEAD = do_DELETE = do_GET

    def body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        del self.headers["Transfer-Encoding"]
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def ask(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection(self.proxy.server, timeout=60)
        connection.request(self.command, self.path, body, dict(self.headers))
        reply = connection.getresponse()
        content = reply.read()
        connection.close()
        own = ("connection", "server", "date")
        kept = {name: value for name, value in reply.getheaders() if name.lower() not in own}
        return reply.status, kept, content

    def answer(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in ("content-length", "transfer-encoding"):
                self.send_header(name, value)
        length = headers.get("Content-Length", str(len(content))) if self.command == "HEAD" else str(len(content))
        self.send_header("Content-Length", length)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def refuse(self, status: int, code: str) -> bool:
        """Answer as S3 does when it does not do something."""
        self.answer(status, {"Content-Type": "application/xml"}, f"<Error><Code>{code}</Code></Error>".encode())
        return True

    def hang_up(self) -> bool:
        """Break off in the middle of it."""
        self.close_connection = True
        self.connection.shutdown(2)
        return True

    def log_message(self, *_: Any) -> None:
        pass


def first(count: int, fault: Fault, *methods: str) -> Fault:
    """Do it to the first requests of some methods, and pass the others on."""
    left = [count]

    def some(handler: Handler, body: bytes) -> bool:
        if left[0] == 0 or (methods and handler.command not in methods):
            return False
        left[0] -= 1
        return fault(handler, body)

    return some
