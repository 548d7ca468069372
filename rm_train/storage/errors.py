"""What can go wrong with object storage, in words that say what to do: the services speak in codes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa

_CODE = re.compile(r"AWS Error ([A-Z_]+)|google::cloud::Status\(([A-Z_]+)")

_NO_PERMISSION = "no permission; give the credentials in the environment, or the machine's role, access to it"
_WRONG_KEYS = (
    "the credentials are refused; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (AWS_SESSION_TOKEN where they are "
    "temporary), or AWS_PROFILE, or use the machine's role"
)
_LASTING = {
    "ACCESS_DENIED": _NO_PERMISSION,
    "PERMISSION_DENIED": _NO_PERMISSION,
    "UNAUTHENTICATED": "the credentials are refused; set GOOGLE_APPLICATION_CREDENTIALS, or use the machine's role",
    "INVALID_ACCESS_KEY_ID": _WRONG_KEYS,
    "SIGNATURE_DOES_NOT_MATCH": _WRONG_KEYS,
    "INVALID_CLIENT_TOKEN_ID": _WRONG_KEYS,
    "EXPIRED_TOKEN": _WRONG_KEYS,
    "UNRECOGNIZED_CLIENT": _WRONG_KEYS,
    "NO_SUCH_BUCKET": "there is no such bucket; correct the name, or make it",
    "NO_SUCH_KEY": "it is not there; correct the name",
    "NOT_FOUND": "it is not there; correct the name",
}
"""Codes of S3 and of Google Cloud Storage that no retry helps against, and what to do."""

_UNREACHABLE = "it cannot be reached; correct AWS_ENDPOINT_URL (STORAGE_EMULATOR_HOST for gs://), or mend the network"
_PASSING = {"NETWORK_CONNECTION": _UNREACHABLE, "UNAVAILABLE": _UNREACHABLE}


class StorageError(RuntimeError):
    """Something in object storage cannot be read or written; the message names it and says what to do.

    Attributes:
        passing: Whether trying again can help.
    """

    def __init__(self, message: str, *, passing: bool = False) -> None:
        super().__init__(message, passing)
        self.passing = passing

    def __str__(self) -> str:
        return str(self.args[0])

    def __reduce__(self) -> tuple[object, ...]:
        # Nodes send it to each other; by itself an exception is made anew without its keywords.
        return _again, (str(self), self.passing)


class IncompleteError(StorageError):
    """Some part of a checkpoint is on no disk that can be reached."""


def _again(message: str, passing: bool) -> StorageError:
    return StorageError(message, passing=passing)


@contextmanager
def told(uri: str) -> Iterator[None]:
    """Let what pyarrow raises inside the block be a `StorageError` that names a URI."""
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        raise translated(uri, error) from error


def translated(uri: str, error: Exception) -> StorageError:
    """Return what a failure of pyarrow means, for a person."""
    if isinstance(error, FileNotFoundError):
        return StorageError(f"{uri}: it is not there; correct the name")
    if isinstance(error, PermissionError):
        return StorageError(f"{uri}: {_NO_PERMISSION}")
    match = _CODE.search(str(error))
    code = match and (match[1] or match[2])
    if code in _LASTING:
        return StorageError(f"{uri}: {_LASTING[code]} ({code})")
    if "libjvm" in str(error) or "libhdfs" in str(error):
        return StorageError(f"{uri}: hdfs:// needs Java and Hadoop's libhdfs: set JAVA_HOME and HADOOP_HOME")
    detail = " ".join(str(error).split())[:300]
    if code in _PASSING:
        return StorageError(f"{uri}: {_PASSING[code]} ({detail})", passing=True)
    return StorageError(f"{uri}: {detail}", passing=True)
