"""The store behind every cache: content by the hash of what it was made from, in memory or in an SQLite file."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
import random
import sqlite3
import threading
import time
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

_AT_ONCE = 500
"""Keys in one question to SQLite."""
_PATIENCE_S = 60.0
"""How long a process waits for a file that another one is writing to."""
_KEPT = "CREATE TABLE IF NOT EXISTS kept (place INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, content BLOB NOT NULL)"
"""What is newer has the larger place."""
_GOES = 0.1
"""The share of a file's contents that goes when it is too large."""

_logger = logging.getLogger(__name__)


def key_of(made_from: object) -> str:
    """Return the key of what is made from a JSON value: equal values have equal keys.

    Raises:
        TypeError: It is not a JSON value.
    """
    text = json.dumps(made_from, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


class Store(ABC):
    """Keeps content by keys. It may be used by many threads, and in event loops by its async doors.

    What several processes share may also promise that a content is made by one of them only: see `claim`. Here are the
    doors of a store that answers at once and promises nothing.
    """

    @abstractmethod
    def get(self, keys: Collection[str]) -> dict[str, bytes]:
        """Return the contents of the keys that it has."""

    @abstractmethod
    def put(self, contents: Mapping[str, bytes]) -> None:
        """Keep contents by their keys."""

    async def aget(self, keys: Collection[str]) -> dict[str, bytes]:
        """Do as `get`, without blocking the event loop."""
        return self.get(keys)

    async def aput(self, contents: Mapping[str, bytes]) -> None:
        """Do as `put`, without blocking the event loop. Nobody waits for these contents any longer."""
        self.put(contents)

    async def claim(self, keys: Collection[str]) -> tuple[dict[str, bytes], frozenset[str]]:
        """Say that this process will make the contents that are missing.

        Returns:
            The contents of the keys that it has, and the keys whose contents are being made by other processes. The
            rest is this process's to make, then to `aput` or to `release`.
        """
        return await self.aget(keys), frozenset()

    async def wait(self, keys: Collection[str]) -> dict[str, bytes]:
        """Wait for contents that other processes make, and return those that have come of it."""
        return await self.aget(keys)

    def release(self, keys: Collection[str]) -> None:  # noqa: B027 - nothing was promised
        """Say, without waiting, that contents will not be made after all."""


@dataclass(slots=True)
class Lookups:
    """How often caches were asked, and had what they were asked for."""

    asked: int = 0
    found: int = 0

    @property
    def share(self) -> float:
        """Return the share of what they were asked for that they had; 0 if nobody asked."""
        return self.found / self.asked if self.asked else 0.0


_lookups: ContextVar[Lookups | None] = ContextVar("lookups", default=None)


@contextmanager
def counted_lookups() -> Iterator[Lookups]:
    """Count what caches are asked inside the block, in the tasks and threads' loops that it starts as well."""
    counts = Lookups()
    token = _lookups.set(counts)
    try:
        yield counts
    finally:
        _lookups.reset(token)


def look_up(store: Store, keys: Collection[str]) -> dict[str, bytes]:
    """Return the contents of the keys that a store has, and count them."""
    found = store.get(keys)
    count_lookups(len(keys), len(found))
    return found


def count_lookups(asked: int, found: int) -> None:
    """Count what a cache was asked for, and what it had."""
    if counts := _lookups.get():
        counts.asked += asked
        counts.found += found


class MemoryStore(Store):
    """Keeps contents as long as this process lives; of too many it forgets those that were not used for longest.

    Args:
        most: How many contents it keeps.
        most_bytes: How many bytes it keeps, keys and contents together; None for any number.
    """

    def __init__(self, most: int = 1_000_000, most_bytes: int | None = None) -> None:
        self._most, self._most_bytes = most, most_bytes
        self._bytes = 0
        self._contents: OrderedDict[str, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, keys: Collection[str]) -> dict[str, bytes]:
        """Return the contents of the keys that it has."""
        found = {}
        with self._lock:
            for key in keys:
                if key in self._contents:
                    self._contents.move_to_end(key)
                    found[key] = self._contents[key]
        return found

    def put(self, contents: Mapping[str, bytes]) -> None:
        """Keep contents by their keys."""
        with self._lock:
            for key, content in contents.items():
                self._bytes += len(key) + len(content)
                if (old := self._contents.pop(key, None)) is not None:
                    self._bytes -= len(key) + len(old)
                self._contents[key] = content
            while self._contents and self._too_much:
                key, content = self._contents.popitem(last=False)
                self._bytes -= len(key) + len(content)

    def size(self) -> int:
        """Return the bytes of what it keeps."""
        return self._bytes

    @property
    def _too_much(self) -> bool:
        return len(self._contents) > self._most or (self._most_bytes is not None and self._bytes > self._most_bytes)


class SqliteStore(Store):
    """Keeps contents in a file, which processes of one machine may share.

    A file that is broken, or on a disk that is full, has nothing and keeps nothing, until that has passed: the
    first failure is logged, and all are counted.

    Args:
        path: The file; it and its folder are made if they are not there.
        most_bytes: How large the file may be; the oldest tenth goes when it would be larger. None for any size.

    Attributes:
        failures: How often the file could not be read or written.
    """

    def __init__(self, path: Path, most_bytes: int | None = None) -> None:
        self.failures = 0
        self._path, self._most_bytes = path, most_bytes
        self._local = threading.local()

    def get(self, keys: Collection[str]) -> dict[str, bytes]:
        """Return the contents of the keys that it has."""
        return self._tried(lambda: self._get(keys)) or {}

    def put(self, contents: Mapping[str, bytes]) -> None:
        """Keep contents by their keys."""
        self._tried(lambda: self._put(contents))

    def size(self) -> int:
        """Return the bytes of the file that are in use; 0 if it cannot be read."""
        return self._tried(lambda: _size(self._connection())) or 0

    async def aget(self, keys: Collection[str]) -> dict[str, bytes]:
        """Do as `get`, in a thread: another process may hold the file for a while."""
        return await asyncio.to_thread(self.get, keys)

    async def aput(self, contents: Mapping[str, bytes]) -> None:
        """Do as `put`, in a thread."""
        await asyncio.to_thread(self.put, contents)

    def _tried(self, access: Callable[[], T]) -> T | None:
        try:
            return access()
        except (sqlite3.Error, OSError) as error:
            self.failures += 1
            if self.failures == 1:
                _logger.warning("the cache %s fails, and has and keeps nothing while it does: %s", self._path, error)
            return None

    def _get(self, keys: Collection[str]) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        for some in _portions(list(keys)):
            marks = ",".join("?" * len(some))
            rows = self._connection().execute(f"SELECT key, content FROM kept WHERE key IN ({marks})", some)
            found.update(rows.fetchall())
        return found

    def _put(self, contents: Mapping[str, bytes]) -> None:
        connection = self._connection()
        with connection:
            connection.executemany("INSERT OR REPLACE INTO kept (key, content) VALUES (?, ?)", contents.items())
            if self._most_bytes is not None:
                while _size(connection) > self._most_bytes and _shrink(connection):
                    pass

    def _connection(self) -> sqlite3.Connection:
        """Return the connection of this thread; a forked process must not use its parent's."""
        if getattr(self._local, "process", None) != os.getpid():
            self._path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(self._path, timeout=_PATIENCE_S)
            _let_readers_read(connection)
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.execute(_KEPT)
            self._local.connection, self._local.process = connection, os.getpid()
        found: sqlite3.Connection = self._local.connection
        return found


def _size(connection: sqlite3.Connection) -> int:
    """Return the bytes of a file that are in use."""
    count, free, size = (
        int(connection.execute(f"PRAGMA {name}").fetchone()[0])
        for name in ("page_count", "freelist_count", "page_size")
    )
    return (count - free) * size


def _shrink(connection: sqlite3.Connection) -> bool:
    """Forget the oldest contents, and return whether there were any."""
    first, last = connection.execute("SELECT min(place), max(place) FROM kept").fetchone()
    if first is None:
        return False
    connection.execute("DELETE FROM kept WHERE place <= ?", [first + int((last - first) * _GOES)])
    return True


def _let_readers_read(connection: sqlite3.Connection) -> None:
    """Switch a file to write-ahead logging, in which readers do not wait for a writer.

    The switch needs the file for itself, and other than for all else SQLite does not wait until it is free.
    """
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(random.uniform(0.001, 0.02))


_opener: tuple[int, Callable[[Path | None], Store]] | None = None


def open_store(path: Path | None) -> Store:
    """Return the store of a file, or the one in memory: one for each file and process."""
    return _opened(path, _opener[1] if _opener and _opener[0] == os.getpid() else None)


@cache
def _opened(path: Path | None, opener: Callable[[Path | None], Store] | None) -> Store:
    if opener is not None:
        return opener(path)
    return MemoryStore() if path is None else SqliteStore(path)


def use_store(opener: Callable[[Path | None], Store] | None) -> None:
    """Have this process, but no child that it forks, open other stores, such as one that a cluster shares.

    Rewards that have opened theirs before keep it.

    Args:
        opener: Returns the store for a file, or for None; it is asked once for each. None for stores of this process
            again.
    """
    global _opener
    _opener = None if opener is None else (os.getpid(), opener)


def _portions(keys: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(keys), _AT_ONCE):
        yield keys[start : start + _AT_ONCE]
