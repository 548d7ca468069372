"""Where rows come from: files, the hub or the generator, all read as one stream that never holds a whole file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from rm_train.data.settings import PrepareSettings
from rm_train.data.sources.base import Record, Source
from rm_train.data.sources.generated import generated_sources
from rm_train.data.sources.hub import is_hub_name
from rm_train.data.sources.layouts import LAYOUTS

__all__ = ["Record", "Source", "find_sources"]


def find_sources(settings: PrepareSettings) -> Sequence[Source]:
    """Return the sources that the settings mean, the validation side first where the split is given.

    Raises:
        SourceError: There is nothing to read there, or more than one thing it could mean.
    """
    if settings.path is None:
        return generated_sources(settings)
    layout = LAYOUTS[settings.dataset]
    path = os.fspath(settings.path)
    if not Path(path).exists() and is_hub_name(path):
        return layout.on_hub(path)
    return layout.on_disk(Path(path))
