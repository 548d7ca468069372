"""The store behind every cache: content by the hash of what it was made from, in memory or in an SQLite file."""

from __future__ import annotations

import hashlib
import json
import os
import random
import sqlite3
import threading
import time
from collections import OrderedDict
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Protocol

_AT_ONCE = 500
"""Keys in one question to SQLite."""
_PATIENCE_S = 60.0
"""How long a process waits for a file that another one is writing to."""


def key_of(made_from: object) -> str:
    """Return the key of what is made from a JSON value: equal values have equal keys.

    Raises:
        TypeError: It is not a JSON value.
    """
    text = json.dumps(made_from, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


class Store(Protocol):
    """Keeps content by keys. It may be used by many threads."""

    def get(self, keys: Collection[str]) -> dict[str, bytes]:
        """Return the contents of the keys that it has."""

    def put(self, contents: Mapping[str, bytes]) -> None:
        """Keep contents by their keys."""


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
    if counts := _lookups.get():
        counts.asked += len(keys)
        counts.found += len(found)
    return found


class MemoryStore:
    """Keeps contents as long as this process lives; of too many it forgets those that were not used for longest.

    Args:
        most: How many contents it keeps.
    """

    def __init__(self, most: int = 1_000_000) -> None:
        self._most = most
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
                self._contents[key] = content
                self._contents.move_to_end(key)
            while len(self._contents) > self._most:
                self._contents.popitem(last=False)


class SqliteStore:
    """Keeps contents in a file, which processes of one machine may share.

    Args:
        path: The file; it and its folder are made if they are not there.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()

    def get(self, keys: Collection[str]) -> dict[str, bytes]:
        """Return the contents of the keys that it has."""
        found: dict[str, bytes] = {}
        for some in _portions(list(keys)):
            marks = ",".join("?" * len(some))
            rows = self._connection().execute(f"SELECT key, content FROM contents WHERE key IN ({marks})", some)
            found.update(rows.fetchall())
        return found

    def put(self, contents: Mapping[str, bytes]) -> None:
        """Keep contents by their keys."""
        connection = self._connection()
        with connection:
            connection.executemany("INSERT OR REPLACE INTO contents VALUES (?, ?)", contents.items())

    def _connection(self) -> sqlite3.Connection:
        """Return the connection of this thread; a forked process must not use its parent's."""
        if getattr(self._local, "process", None) != os.getpid():
            self._path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(self._path, timeout=_PATIENCE_S)
            _let_readers_read(connection)
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.execute("CREATE TABLE IF NOT EXISTS contents (key TEXT PRIMARY KEY, content BLOB) WITHOUT ROWID")
            self._local.connection, self._local.process = connection, os.getpid()
        found: sqlite3.Connection = self._local.connection
        return found


def _let_readers_read(connection: sqlite3.Connection) -> None:
    """Switch a file to write-ahead logging, in which readers do not wait for a writer.

    The switch needs the file for itself, and other than for all else SQLite does not wait until it is free.
    """
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(random.uniform(0.001, 0.02))


@lru_cache
def open_store(path: Path | None) -> Store:
    """Return the store of a file, or the one in memory: one for each file and process."""
    return MemoryStore() if path is None else SqliteStore(path)


def _portions(keys: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(keys), _AT_ONCE):
        yield keys[start : start + _AT_ONCE]
