"""The actor that keeps a cluster's cache, and knows what is being made of it and by whom."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from reward_fn.store import MemoryStore, SqliteStore

LEASE_S = 15.0
"""How long a process that makes something may be silent before the others no longer wait for it."""


@dataclass(slots=True)
class _Claim:
    process: str
    settled: asyncio.Event = field(default_factory=asyncio.Event)


class CacheActor:
    """A store, and the claims of processes that make what it does not have.

    Args:
        path: The file of the store; None for one in memory.
        most_bytes: How many bytes it keeps.
    """

    def __init__(self, path: Path | None, most_bytes: int) -> None:
        self._store = MemoryStore(most_bytes=most_bytes) if path is None else SqliteStore(path, most_bytes)
        self._claims: dict[str, _Claim] = {}
        self._heard: dict[str, float] = {}
        self._counts = dict.fromkeys(("asked", "found", "waited", "put"), 0)
        self._watch: asyncio.Task[None] | None = None

    async def exchange(
        self,
        process: str,
        claim: Collection[str],
        get: Collection[str],
        put: Mapping[str, bytes],
        release: Collection[str],
    ) -> tuple[dict[str, bytes], frozenset[str]]:
        """Do what a process asks for, all of it in one call.

        Args:
            process: Its name.
            claim: Keys whose contents it will make if they are missing.
            get: Keys whose contents it wants if they are there.
            put: Contents to keep.
            release: Claimed keys whose contents it will not make after all.

        Returns:
            The contents of the claimed and wanted keys that are there, and the claimed keys that others make.
        """
        self._hear(process)
        # Claimed before it is looked up: a content that comes in between is found.
        mine = {key for key in claim if self._claims.setdefault(key, _Claim(process)).process == process}
        if put:
            await self._store.aput(put)
        self._settle([*put, *release])
        wanted = {*claim, *get}
        found = await self._store.aget(wanted) if wanted else {}
        self._settle(mine & found.keys())
        elsewhere = frozenset(set(claim) - mine - found.keys())
        for name, count in (("asked", wanted), ("found", found), ("waited", elsewhere), ("put", put)):
            self._counts[name] += len(count)
        return found, elsewhere

    async def wait(self, keys: Collection[str]) -> dict[str, bytes]:
        """Wait until nobody makes the contents of keys any longer, and return those that are there."""
        for key in keys:
            if claim := self._claims.get(key):
                await claim.settled.wait()
        return await self._store.aget(keys)

    async def renew(self, process: str, keys: Collection[str]) -> None:
        """Hear of a process that it still makes some contents, also if this actor is new."""
        self._hear(process)
        for key in keys:
            self._claims.setdefault(key, _Claim(process))

    async def stats(self) -> dict[str, int]:
        """Return how many keys were `asked` for, `found`, `waited` for and `put`, and the `failures` of the disk."""
        return self._counts | {"failures": getattr(self._store, "failures", 0)}

    async def status(self) -> dict[str, float | str]:
        """Return `stats`, the bytes of all contents (`size`), and how many are being made (`making`)."""
        return {**await self.stats(), "size": await asyncio.to_thread(self._store.size), "making": len(self._claims)}

    def _settle(self, keys: Collection[str]) -> None:
        for key in keys:
            if claim := self._claims.pop(key, None):
                claim.settled.set()

    def _hear(self, process: str) -> None:
        self._heard[process] = time.monotonic()
        if self._watch is None:
            self._watch = asyncio.get_running_loop().create_task(self._drop_the_silent())

    async def _drop_the_silent(self) -> None:
        """Settle the claims of processes that have not been heard of for too long."""
        while True:
            await asyncio.sleep(LEASE_S / 10)
            silent = {name for name, heard in self._heard.items() if time.monotonic() - heard > LEASE_S}
            self._settle([key for key, claim in self._claims.items() if claim.process in silent])
            for name in silent:
                del self._heard[name]
