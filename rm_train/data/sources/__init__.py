"""Where rows come from: files, object storage, the hub or the generator.

All are read as one stream that never holds a whole file.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from rm_train.data.errors import SourceError
from rm_train.data.settings import PrepareSettings
from rm_train.data.sources.base import Record, Source
from rm_train.data.sources.generated import generated_sources
from rm_train.data.sources.hub import is_hub_name
from rm_train.data.sources.layouts import LAYOUTS
from rm_train.storage import StorageError, fetch, is_uri
from rm_train.storage.fetch import default_cache_dir

__all__ = ["Record", "Source", "find_sources"]


def find_sources(settings: PrepareSettings, progress: bool = False) -> Sequence[Source]:
    """Return the sources that the settings mean, the validation side first where the split is given.

    What lies in object storage is fetched first, and kept.

    Args:
        settings: What to read.
        progress: Show a bar on the console while it is fetched.

    Raises:
        SourceError: There is nothing to read there, or more than one thing it could mean.
    """
    if settings.path is None:
        return generated_sources(settings)
    layout = LAYOUTS[settings.dataset]
    path = os.fspath(settings.path)
    if is_uri(path):
        try:
            return layout.on_disk(fetch(path, settings.cache_dir or default_cache_dir(), progress=progress))
        except StorageError as error:
            raise SourceError(str(error)) from error
    if not Path(path).exists() and is_hub_name(path):
        return layout.on_hub(path)
    return layout.on_disk(Path(path))
