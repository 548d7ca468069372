"""Rows from `.jsonl` files, plain or compressed, one line at a time so that a file of any size can be read."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator

from rm_train.data.errors import SourceError
from rm_train.data.sources.base import MAX_LINE_BYTES, Record
from rm_train.data.sources.file import FileSource

_GZIP_MAGIC = b"\x1f\x8b"


class JsonlSource(FileSource):
    """One file; see `Source`."""

    unit = "line"

    def records(self) -> Iterator[Record]:
        """Yield the lines that are not blank.

        Raises:
            SourceError: The file cannot be read, or is compressed and cut off or damaged.
        """
        line = 0
        try:
            with self.path.open("rb") as file:
                # The content decides, not the name: downloads are often unpacked without being renamed.
                compressed = file.peek(2)[:2] == _GZIP_MAGIC
                stream: io.BufferedIOBase = gzip.GzipFile(fileobj=file) if compressed else file
                while raw := stream.readline(MAX_LINE_BYTES + 1):
                    line += 1
                    if len(raw) > MAX_LINE_BYTES:
                        _skip_line(stream, raw)
                    if not raw.isspace():
                        yield Record(line, raw, file.tell())
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise SourceError(
                f"{self.path}: the compressed file is cut off or damaged after line {line} ({error}); get it again"
            ) from error
        except OSError as error:
            raise SourceError(f"{self.path}: cannot be read ({error})") from error


def _skip_line(stream: io.BufferedIOBase, raw: bytes) -> None:
    while raw and not raw.endswith(b"\n"):
        raw = stream.readline(1 << 20)
