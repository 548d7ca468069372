"""The door to the data room: from a person's settings to a complete folder, or to an error and the folder as it was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rm_train.data.build import build, parquet_name
from rm_train.data.errors import SourceError
from rm_train.data.manifest import (
    MANIFEST_NAME,
    describe_outputs,
    fingerprint,
    is_current,
    read_manifest,
)
from rm_train.data.process import shape_of
from rm_train.data.settings import PreparedData, PrepareSettings
from rm_train.data.sources import Source, find_sources
from rm_train.files import atomic_folder, atomic_write_json


def prepare(settings: PrepareSettings, progress: bool = False) -> PreparedData:
    """Turn human ratings or preferences into verl parquet.

    `out_dir` gets `train.parquet`, `validation.parquet` and `manifest.json`.
    The folder appears, or is replaced, in one step. When it was made from the same content with the same settings,
    nothing is done. Memory does not grow with the files, apart from 8 bytes for each row.

    Args:
        settings: What to read and how.
        progress: Show a bar on the console.

    Raises:
        BadRowError: A row is broken and `on_bad_row` is `stop`.
        PrepareError: A setting cannot be, a side has no rows, or `out_dir` holds something else.
        SourceError: A source is missing, ambiguous, damaged or changed while it was read.
        OSError: `out_dir` cannot be written.
    """
    settings.check()
    folder = Path(settings.out_dir)
    previous = read_manifest(folder)
    sources = find_sources(settings, progress)
    identities = _identities(sources, (previous or {}).get("sources", []))
    shape = shape_of(settings)
    wanted = fingerprint(settings, shape, identities)
    if previous is not None and is_current(folder, previous, wanted):
        return _prepared(folder, previous, rebuilt=False)
    with atomic_folder(folder) as temporary:
        counts = build(settings, shape, sources, temporary, progress)
        if _identities(sources, identities) != identities:
            raise SourceError(f"{settings.path}: changed while it was read; try again")
        manifest: dict[str, Any] = {
            "schema_version": shape.version,
            "fingerprint": wanted,
            "settings": settings.as_json(),
            "sources": identities,
            **counts,
            "outputs": describe_outputs(temporary),
        }
        atomic_write_json(temporary / MANIFEST_NAME, manifest)
    return _prepared(folder, manifest, rebuilt=True)


def _identities(sources: Sequence[Source], known: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    # Name and side: one file may hold both sides.
    by_name = {(identity["name"], identity["side"]): identity for identity in known}
    return [source.identity(by_name.get((source.name, source.side))) for source in sources]


def _prepared(folder: Path, manifest: Mapping[str, Any], rebuilt: bool) -> PreparedData:
    return PreparedData(folder / parquet_name("train"), folder / parquet_name("validation"), manifest, rebuilt)
