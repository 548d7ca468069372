"""The manifest beside the data: what was made from what, and whether it has to be made again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rm_train.data.build import BAD_ROWS_NAME, parquet_name
from rm_train.data.errors import PrepareError
from rm_train.data.process import Shape
from rm_train.data.process.shape import JudgedT
from rm_train.data.settings import SIDES, PrepareSettings
from rm_train.files import sha256_file

MANIFEST_NAME = "manifest.json"
_OWN_NAMES = {MANIFEST_NAME, BAD_ROWS_NAME, *map(parquet_name, SIDES)}


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """Return a folder's manifest, or None when it has none that can be read: the data is then made anew.

    Raises:
        PrepareError: The folder holds other things, which replacing it would delete.
    """
    if folder.is_dir():
        strange = sorted(entry.name for entry in folder.iterdir() if entry.name not in _OWN_NAMES)
        if strange:
            raise PrepareError(
                f"out_dir={folder} is replaced as a whole, but it also holds {', '.join(strange[:5])}: "
                "choose another folder, or move these away"
            )
    try:
        manifest = json.loads((folder / MANIFEST_NAME).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    return manifest if isinstance(manifest, dict) else None


def fingerprint(settings: PrepareSettings, shape: Shape[JudgedT], identities: Sequence[Mapping[str, Any]]) -> str:
    """Return a SHA-256 over all that the output depends on: settings, content of the sources, schema and prompt.

    Where the data lies and when it was written do not matter.
    """
    choices = {key: value for key, value in settings.as_json().items() if key not in ("path", "out_dir")}
    sources = [{key: value for key, value in identity.items() if key != "mtime_ns"} for identity in identities]
    text = json.dumps([choices, sources, shape.version, shape.probe()], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def describe_outputs(folder: Path) -> dict[str, dict[str, Any]]:
    """Return size, time and SHA-256 of the files that were written."""
    outputs = {}
    for path in sorted(folder.iterdir()):
        status = path.stat()
        outputs[path.name] = {
            "bytes": status.st_size,
            "mtime_ns": status.st_mtime_ns,
            "sha256": sha256_file(path),
        }
    return outputs


def is_current(folder: Path, manifest: Mapping[str, Any], wanted: str) -> bool:
    """Say whether a folder holds just what its manifest lists, made from the input with this fingerprint.

    A file whose size and time are those of the manifest is taken for unchanged; another one is hashed.
    """
    outputs: Mapping[str, Mapping[str, Any]] = manifest.get("outputs", {})
    if manifest.get("fingerprint") != wanted or not outputs:
        return False
    for name, known in outputs.items():
        path = folder / name
        if not path.is_file() or path.stat().st_size != known["bytes"]:
            return False
        if path.stat().st_mtime_ns != known["mtime_ns"] and sha256_file(path) != known["sha256"]:
            return False
    return True
