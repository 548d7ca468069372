"""Addresses in object storage: told from paths, and refused where they hold what must not stand in a config."""

from __future__ import annotations

from urllib.parse import urlsplit

from rm_train.nearest import did_you_mean, nearest

SCHEMES = ("s3", "gs", "hdfs", "file")
_NO_BUCKET = ("file",)


def is_uri(text: object) -> bool:
    """Say whether a value is an address in object storage, and not a path or a name on the hub."""
    return isinstance(text, str) and "://" in text


def uri_problem(uri: str) -> tuple[str, str] | None:
    """Return what is wrong with an address and what to write instead, neither with any secret in it; None if nothing.

    Credentials are refused: verl prints its whole config, and a run writes it down.
    """
    scheme, _, rest = uri.partition("://")
    if scheme not in SCHEMES:
        near = nearest(scheme, SCHEMES, 1)
        hint = f" ({did_you_mean([f'{name}://' for name in near])})" if near else ""
        return f"{scheme}:// is not known", f"write {', '.join(f'{name}://' for name in SCHEMES)}{hint}"
    parts = urlsplit(uri)
    if "@" in parts.netloc:
        return (
            f"credentials stand in it ({scheme}://…@…), and a config is printed and kept",
            "give them in the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, …) or by the machine's role",
        )
    if parts.query or parts.fragment:
        return (
            f"it has options after {'?' if parts.query else '#'}",
            "leave them out; AWS_ENDPOINT_URL, AWS_REGION and the like are read from the environment",
        )
    if scheme not in _NO_BUCKET and not parts.netloc:
        return "it names no bucket", f"write {scheme}://BUCKET/FOLDER"
    if scheme == "file" and (parts.netloc or not parts.path.strip("/")):
        return "it names no folder", "write file:///FOLDER"
    if any(part in (".", "..") for part in rest.split("/")):
        return "it holds . or ..", "write the whole path"
    return None


def join(uri: str, name: str) -> str:
    """Return the address of something in a folder."""
    return f"{uri.rstrip('/')}/{name}" if name else uri.rstrip("/")


def base_name(uri: str) -> str:
    """Return the last part of an address: the name of its file or folder."""
    return uri.rstrip("/").rpartition("/")[2]
