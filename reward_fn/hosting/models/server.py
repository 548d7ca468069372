"""A model's server on this machine: a process that is started, watched, and started again when it ends."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from reward_fn.hosting.models.engine import start_of
from reward_fn.hosting.models.settings import ModelSettings

TRIES = 3
"""Starts in a row that may fail."""
_LOOK_S = 0.1
"""Seconds between looks while it loads; then it is looked at less and less often, up to the next."""
_CALM_S = 2.0
_SILENT_S = 60.0
"""A server that is not healthy for so long is ended."""
_STEADY_S = 60.0
"""A server that was ready for so long has not failed at its start."""
_PAUSE_S, _LONGEST_S = 0.5, 30.0
"""The pause before the next start; each further one is twice as long, up to the longest."""
_LINES = 20
_GUARD = Path(__file__).parent / "programs" / "guard.py"


@dataclass(frozen=True, slots=True)
class Condition:
    """How a server is.

    Attributes:
        url: Where it answers, up to /v1; None while it does not.
        failure: Why it will not be started again; None if it will.
    """

    url: str | None = None
    failure: str | None = None


class Server:
    """The server of a model.

    It ends with the process that has made this object, however that ends.

    Args:
        name: What its users call the model.
        settings: What it serves, and by what.
        key: What it asks of its users.
        host: The address that it listens at.
        log_name: What its log is called, in the folder that the settings may name.
        tell: Called with how it is, whenever that changes.
    """

    def __init__(
        self,
        name: str,
        settings: ModelSettings,
        key: str,
        host: str,
        log_name: str,
        tell: Callable[[Condition], None],
    ) -> None:
        self._name, self._settings, self._key, self._host = name, settings, key, host
        self._tell = tell
        self._log_name = log_name
        self._trouble = ""

    async def run(self) -> None:
        """Have it run, until it fails for good."""
        try:
            with _log(self._settings.logs, self._log_name) as log:
                await self._run_until_it_fails(log)
                self._tell(Condition(failure=f"{self._trouble}; its last lines:\n{_last_lines(log)}"))
        except Exception as error:  # noqa: BLE001 - told to whoever asks for the model
            self._tell(Condition(failure=f"it cannot be started here: {error!r}"))

    async def _run_until_it_fails(self, log: IO[bytes]) -> None:
        in_a_row, ready = 0, True
        while ready or in_a_row < TRIES:
            if in_a_row:
                await asyncio.sleep(min(_LONGEST_S, _PAUSE_S * 2 ** (in_a_row - 1)))
            began = time.monotonic()
            ready = await self._run_once(log)
            in_a_row = 1 if ready and time.monotonic() - began > _STEADY_S else in_a_row + 1

    async def _run_once(self, log: IO[bytes]) -> bool:
        """Start it and wait for its end; returns whether it was ready in between."""
        port = _free_port(self._host)
        start = start_of(self._name, self._settings, self._host, port, self._key)
        process = subprocess.Popen(
            [sys.executable, str(_GUARD), *start.command],
            env=start.environment,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for the process that leads the run
        )
        try:
            if not await self._healthy_within(self._settings.start_s, _LOOK_S, process, port):
                ended = f"ended with status {process.poll()}"
                late = f"was not ready within start_s of {self._settings.start_s:g} s"
                self._trouble = f"{self._settings.engine} {late if process.poll() is None else ended}, {TRIES} times"
                return False
            self._tell(Condition(f"http://{self._host}:{port}/v1"))
            while await self._healthy_within(_SILENT_S, _CALM_S, process, port):
                await _ended_within(process, _CALM_S)
            self._tell(Condition())
            return True
        finally:
            assert process.stdin is not None
            process.stdin.close()  # the guard ends what is left
            await asyncio.to_thread(process.wait)

    async def _healthy_within(self, seconds: float, look_s: float, process: subprocess.Popen[bytes], port: int) -> bool:
        """Wait until it says that it is well; returns false if it ends or says nothing for so long."""
        import httpx

        deadline = time.monotonic() + seconds
        # Environments have proxies for the world outside; and reading certificates takes longer than all else here.
        async with httpx.AsyncClient(trust_env=False, verify=False, timeout=_CALM_S) as client:
            while process.poll() is None and time.monotonic() < deadline:
                try:
                    if (await client.get(f"http://{self._host}:{port}/health")).status_code == 200:
                        return True
                except httpx.HTTPError:
                    pass  # not yet, or no more
                await _ended_within(process, look_s)
        return False


def _log(folder: Path | None, name: str) -> IO[bytes]:
    if folder is None:
        return tempfile.TemporaryFile()
    folder.mkdir(parents=True, exist_ok=True)
    return (folder / f"{name}.log").open("a+b")


def _last_lines(log: IO[bytes]) -> str:
    log.seek(max(0, log.seek(0, os.SEEK_END) - 10_000))
    return "\n".join(log.read().decode(errors="replace").splitlines()[-_LINES:])


def _free_port(host: str) -> int:
    with socket.socket() as free:
        free.bind((host, 0))
        port: int = free.getsockname()[1]
        return port


async def _ended_within(process: subprocess.Popen[bytes], seconds: float) -> None:
    """Wait until a process has ended, for so long at most."""
    deadline = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < deadline:
        await asyncio.sleep(min(_LOOK_S, seconds))
