"""What all files have in common as sources of rows, whatever stands in them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from rm_train.data.settings import Side
from rm_train.data.sources.base import Record
from rm_train.files import sha256_file


@dataclass(frozen=True, slots=True)
class FileSource(ABC):
    """One file; see `Source`. With `inside`, a folder above it, its name is its path from there."""

    path: Path
    side: Side | None = None
    inside: Path | None = None

    unit: ClassVar[str] = "row"

    @property
    def name(self) -> str:
        """The file's name: from `inside`, or without its folder."""
        return self.path.name if self.inside is None else self.path.relative_to(self.inside).as_posix()

    @property
    def location(self) -> str:
        """The file's path."""
        return str(self.path)

    @property
    def total_bytes(self) -> int:
        """The size of the file as it lies on the disk."""
        return self.path.stat().st_size

    @abstractmethod
    def records(self) -> Iterator[Record]:
        """Yield the rows in order.

        Raises:
            SourceError: The file cannot be read to its end.
        """

    def identity(self, known: Mapping[str, Any] | None) -> dict[str, Any]:
        """Return name, side, bytes, mtime_ns and sha256; `known` saves the hashing when size and time are the same."""
        status = self.path.stat()
        identity = {"name": self.name, "side": self.side, "bytes": status.st_size, "mtime_ns": status.st_mtime_ns}
        if known is not None and identity == {key: known.get(key) for key in identity}:
            return {**identity, "sha256": known["sha256"]}
        return {**identity, "sha256": sha256_file(self.path)}
