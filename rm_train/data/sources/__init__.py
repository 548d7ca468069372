"""Where rows come from: files, the hub or the generator, all read as one stream that never holds a whole file."""

from __future__ import annotations

import os
from pathlib import Path

from rm_train.data.settings import SYNTHETIC, PrepareSettings
from rm_train.data.sources.base import Record, Source
from rm_train.data.sources.generated import generated_sources
from rm_train.data.sources.hub import hub_sources, is_hub_name
from rm_train.data.sources.jsonl import file_sources

__all__ = ["Record", "Source", "find_sources"]


def find_sources(settings: PrepareSettings) -> list[Source]:
    """Return the sources that the settings mean, the validation side first where the split is given.

    Raises:
        SourceError: There is nothing to read there, or more than one thing it could mean.
    """
    if settings.dataset == SYNTHETIC or settings.path is None:
        return list(generated_sources(settings.train_prompts, settings.val_prompts, settings.seed))
    path = os.fspath(settings.path)
    if not Path(path).exists() and is_hub_name(path):
        return list(hub_sources(path))
    return list(file_sources(Path(path)))
