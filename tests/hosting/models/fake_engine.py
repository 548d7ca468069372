"""Stands for an interpreter that has vLLM, and its server: it starts at once, and says in each answer who it is.

The prompt says what to do: `sleep SECONDS`, `die`, or `arguments`. It has a process of its own that tries to get away.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


def make_fake_engine(folder: Path) -> Path:
    """Write an interpreter that is this program, and return it."""
    interpreter = folder / "python"
    interpreter.write_text(f'#!/bin/sh\nexec {sys.executable} -S {__file__} "$@"\n')
    interpreter.chmod(0o755)
    return interpreter


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.answer(200, {})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.headers["Authorization"] != f"Bearer {os.environ['VLLM_API_KEY']}":
            return self.answer(401, {"error": {"message": "wrong key"}})
        said = {"pid": os.getpid(), "helper": helper.pid, "arguments": sys.argv[1:]}
        order, _, value = body["messages"][-1]["content"].partition(" ")
        if order == "sleep":
            time.sleep(float(value))
        if order == "die":
            os._exit(3)
        message = {"role": "assistant", "content": json.dumps(said)}
        return self.answer(200, {"choices": [{"finish_reason": "stop", "message": message}], "usage": {}})

    def answer(self, status, body):
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--host")
    parser.add_argument("--port", type=int)
    parser.add_argument("--fail", default="")
    given, _ = parser.parse_known_args()
    if given.fail:
        sys.exit(given.fail)
    helper = subprocess.Popen(["sleep", "600"], start_new_session=True)
    ThreadingHTTPServer.request_queue_size = 128
    ThreadingHTTPServer((given.host, given.port), Handler).serve_forever()
