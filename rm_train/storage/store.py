"""One folder of object storage: files that are put there whole or not at all, and fetched whole or not at all."""

from __future__ import annotations

import hashlib
import os
import socket
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from rm_train.storage.errors import StorageError, told
from rm_train.storage.file_systems import open_file_system
from rm_train.storage.uri import join

_CHUNK = 8 << 20
_AT_ONCE = 4
"""How many files go over the network at the same time."""

_UNFINISHED = ".unfinished"
"""What names of files end in that are being written where they can be seen before they are whole."""

ATTEMPTS = 7
"""How often something is tried: with the waits between, for half a minute."""

FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 30.0

Advance = Callable[[int], None]
"""Called with the number of bytes that have been fetched since the last call."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class StoredFile:
    """What a listing says of a file.

    Attributes:
        size: Its bytes.
        mtime_ns: When it was stored; of S3 to the second.
    """

    size: int
    mtime_ns: int


class Store:
    """Files under one address. What may pass (a lost connection, a busy service) is tried again before it is an error.

    Args:
        uri: The address of a folder, or of a single file, whose name is then "".
        attempts: How often something is tried in all.

    Raises:
        StorageError: The address cannot be used.
    """

    def __init__(self, uri: str, attempts: int = ATTEMPTS) -> None:
        self.uri = uri.rstrip("/")
        self._attempts = attempts
        self._fs, self._root = open_file_system(uri)

    def inside(self, folder: str) -> Store:
        """Return the store of a folder in this one."""
        return Store(join(self.uri, folder), self._attempts)

    def file(self, name: str = "") -> StoredFile | None:
        """Return what is known of a file; None when there is none.

        Raises:
            StorageError: The storage does not answer, or does not let one look.
        """
        return self._again(partial(self._look, name))

    def files(self, folder: str = "", *, below: bool = True) -> dict[str, StoredFile]:
        """Return the files of a folder by their names from there; empty when there is no such folder.

        Args:
            folder: A folder in this store.
            below: Whether files in its folders are listed too.

        Raises:
            StorageError: The storage does not answer, does not let one look, or holds a name that leaves the folder.
        """
        from pyarrow import fs

        root = self._path(folder)
        selector = fs.FileSelector(root, allow_not_found=True, recursive=below)
        found = {}
        for info in self._try(folder, lambda: self._fs.get_file_info(selector)):
            if not info.is_file or info.base_name.endswith(_UNFINISHED):
                continue
            name = info.path[len(root) :].lstrip("/")
            if ".." in name.split("/"):
                raise StorageError(f"{join(self.uri, folder)}: the name {name} leaves the folder; remove that object")
            found[name] = StoredFile(info.size, info.mtime_ns)
        return found

    def put(self, local: Path, name: str) -> str:
        """Store a file; readers see the old content or the new one.

        Returns:
            The SHA-256 of what was stored.

        Raises:
            StorageError: It could not be stored.
            OSError: The local file cannot be read.
        """
        return self._again(lambda: self._put(local, name))

    def put_all(self, files: Mapping[str, Path]) -> dict[str, str]:
        """Store files under names, some at the same time; returns and raises as `put` does."""
        return _at_once({name: partial(self.put, path, name) for name, path in files.items()})

    def get(self, name: str, local: Path, sha256: str | None = None, advance: Advance = lambda count: None) -> None:
        """Fetch a file; it appears in one step, with the time that it has in the storage.

        A fetch that broke off goes on where it was. Size and, where it is known, digest are verified.

        Raises:
            StorageError: It could not be fetched, or is not what it should be.
            OSError: The local file cannot be written.
        """
        self._again(lambda: self._get(name, local, sha256, advance))

    def get_all(self, names: Mapping[str, str | None], folder: Path, advance: Advance = lambda count: None) -> None:
        """Fetch files, given with their digests where these are known, into a folder; raises as `get` does."""
        _at_once({name: partial(self.get, name, folder / name, digest, advance) for name, digest in names.items()})

    def write(self, name: str, text: str) -> None:
        """Store a small text in one step.

        Raises:
            StorageError: It could not be stored.
        """
        self._again(lambda: self._stream(name, lambda write: write(text.encode())))

    def read(self, name: str) -> str:
        """Return a small text.

        Raises:
            StorageError: It is not there, or cannot be read.
        """

        def read() -> bytes:
            with self._fs.open_input_file(self._path(name)) as stream:
                return bytes(stream.read())

        return self._try(name, read).decode()

    def remove(self, name: str) -> None:
        """Remove a file, if it is there.

        Raises:
            StorageError: It could not be removed.
        """
        if self.file(name) is not None:
            self._try(name, lambda: self._fs.delete_file(self._path(name)))

    def clear(self, folder: str = "") -> None:
        """Remove a folder with all that is in it, if it is there.

        Raises:
            StorageError: It could not be removed.
        """
        if self.files(folder):
            self._try(folder, lambda: self._fs.delete_dir(self._path(folder)))

    def _put(self, local: Path, name: str) -> str:
        digest = hashlib.sha256()

        def send(write: Callable[[bytes], object]) -> None:
            with local.open("rb") as source:
                while chunk := source.read(_CHUNK):
                    digest.update(chunk)
                    write(chunk)

        self._stream(name, send)
        size, stored = local.stat().st_size, self._look(name)
        if stored is None or stored.size != size:
            found = "nothing" if stored is None else f"{stored.size} bytes"
            raise StorageError(f"{join(self.uri, name)}: {size} bytes were sent, and {found} arrived", passing=True)
        return digest.hexdigest()

    def _stream(self, name: str, send: Callable[[Callable[[bytes], object]], object]) -> None:
        """Write one file. Object stores show it when it is whole; elsewhere it is renamed then."""
        uri, path = join(self.uri, name), self._path(name)
        folders = self._fs.type_name in ("local", "hdfs")
        target = f"{path}.{uuid.uuid4().hex[:12]}{_UNFINISHED}" if folders else path
        with told(uri):
            if folders:
                self._fs.create_dir(path.rpartition("/")[0])
            stream = self._fs.open_output_stream(target, compression=None)

        def write(chunk: bytes) -> None:
            with told(uri):
                stream.write(chunk)

        try:
            send(write)
        finally:
            with told(uri):
                stream.close()
        if folders:
            with told(uri):
                self._fs.move(target, path)

    def _get(self, name: str, local: Path, sha256: str | None, advance: Advance) -> None:
        uri, stored = join(self.uri, name), self._look(name)
        if stored is None:
            raise StorageError(f"{uri}: it is not there; correct the name")
        local.parent.mkdir(parents=True, exist_ok=True)
        # Its name tells what it is a part of, and who fetches it: the folder may be shared by several machines.
        part = local.with_name(f".{local.name}.{stored.size}-{stored.mtime_ns}.{socket.gethostname()}.part")
        digest = hashlib.sha256()
        with part.open("a+b") as file:
            file.seek(0)
            while sha256 and (chunk := file.read(_CHUNK)):
                digest.update(chunk)
            done = file.seek(0, os.SEEK_END)
            with told(uri):
                stream = self._fs.open_input_file(self._path(name))
            try:
                while done < stored.size:
                    with told(uri):
                        chunk = stream.read_at(min(_CHUNK, stored.size - done), done)
                    if not chunk:
                        raise StorageError(f"{uri}: it ends after {done} of {stored.size} bytes", passing=True)
                    file.write(chunk)
                    digest.update(chunk)
                    done += len(chunk)
                    advance(len(chunk))
            finally:
                stream.close()
        if self._look(name) != stored or part.stat().st_size != stored.size:
            part.unlink()
            raise StorageError(f"{uri}: it changed while it was fetched", passing=True)
        if sha256 is not None and digest.hexdigest() != sha256:
            part.unlink()
            raise StorageError(f"{uri}: it is damaged: its SHA-256 is not the one that was stored", passing=True)
        os.utime(part, ns=(stored.mtime_ns, stored.mtime_ns))
        part.replace(local)

    def _look(self, name: str) -> StoredFile | None:
        with told(join(self.uri, name)):
            info = self._fs.get_file_info(self._path(name))
        return StoredFile(info.size, info.mtime_ns) if info.is_file else None

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}" if name else self._root

    def _try(self, name: str, call: Callable[[], _T]) -> _T:
        """Ask pyarrow for something, again where that can help."""

        def once() -> _T:
            with told(join(self.uri, name)):
                return call()

        return self._again(once)

    def _again(self, call: Callable[[], _T]) -> _T:
        retrying = Retrying(
            retry=retry_if_exception(lambda error: isinstance(error, StorageError) and error.passing),
            wait=wait_exponential_jitter(initial=FIRST_WAIT_S, max=LONGEST_WAIT_S, jitter=FIRST_WAIT_S),
            stop=stop_after_attempt(self._attempts),
            reraise=True,
        )
        return retrying(call)


def _at_once(calls: Mapping[str, Callable[[], _T]]) -> dict[str, _T]:
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        started = {name: pool.submit(call) for name, call in calls.items()}
        return {name: future.result() for name, future in started.items()}
