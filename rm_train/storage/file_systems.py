"""pyarrow's file system for an address, set up from the environment alone."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import unquote, urlsplit

from rm_train.storage.errors import StorageError, told
from rm_train.storage.uri import uri_problem

_CONNECT_S = 5.0
_ANSWER_S = 30.0
_TRIES = 3
"""How often the S3 client itself tries a request, within a second or two."""


def open_file_system(uri: str) -> tuple[Any, str]:
    """Return the file system of an address, and the path in it.

    S3 is reached as its own tools are told to: credentials by AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile or
    the machine's role; AWS_REGION; AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL for services that speak its protocol.

    Raises:
        StorageError: The address or the environment's endpoint is wrong, or the bucket's region cannot be found out.
    """
    if problem := uri_problem(uri):
        raise StorageError(f"{problem[0]}; {problem[1]}")
    from pyarrow import fs

    parts = urlsplit(uri)
    path = f"{parts.netloc}{unquote(parts.path)}".rstrip("/")
    if parts.scheme == "file":
        return fs.LocalFileSystem(), path
    with told(uri):
        if parts.scheme == "s3":
            return _s3(parts.netloc), path
        opened, path = fs.FileSystem.from_uri(uri)
    return opened, path.rstrip("/")


def _s3(bucket: str) -> Any:  # noqa: ANN401 - pyarrow has no types
    from pyarrow import fs

    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    where = {}
    if endpoint:
        parts = urlsplit(endpoint)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise StorageError("AWS_ENDPOINT_URL: it is no address; write http://HOST:PORT or https://HOST")
        where = {"scheme": parts.scheme, "endpoint_override": parts.netloc}
    elif not region:
        region = fs.resolve_s3_region(bucket)
    return fs.S3FileSystem(
        region=region or "us-east-1",
        connect_timeout=_CONNECT_S,
        request_timeout=_ANSWER_S,
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=_TRIES),
        **where,
    )
