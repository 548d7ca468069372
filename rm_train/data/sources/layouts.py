"""How data sets lie on a disk and on the hub, where it is not just a training and a validation part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rm_train.data.converters import helpsteer2_preference
from rm_train.data.settings import SIDES
from rm_train.data.sources.base import Source
from rm_train.data.sources.by_column import ColumnSource
from rm_train.data.sources.by_suffix import JSONL, SUFFIXES, all_files, file_sources
from rm_train.data.sources.hub import hub_folder, hub_sources


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the rows of a data set are, and what says which side they belong to.

    Attributes:
        suffixes: The kinds of files that are read.
        many_files: All files of a folder and below it hold rows, and their names say nothing of sides.
        side_field: The field that names a row's side; None where file names or prompts decide. Goes with `many_files`.
        hub_config: The configuration on the hub.
        hub_folder: The folder on the hub; goes with `side_field`.
    """

    suffixes: tuple[str, ...] = SUFFIXES
    many_files: bool = False
    side_field: str | None = None
    hub_config: str | None = None
    hub_folder: str | None = None

    def on_disk(self, path: Path) -> Sequence[Source]:
        """Return the sources of a file or a folder, validation first; raises `SourceError`."""
        if self.side_field is not None:
            return [ColumnSource(file, self.side_field) for side in reversed(SIDES) for file in all_files(path, side)]
        return all_files(path) if self.many_files else file_sources(path, self.suffixes)

    def on_hub(self, name: str) -> Sequence[Source]:
        """Return the sources of a data set on the hub, validation first; raises `SourceError`."""
        if self.side_field is None or self.hub_folder is None:
            return hub_sources(name, self.hub_config)
        splits = hub_folder(name, self.hub_folder)
        sided = (replace(split, side=side) for side in reversed(SIDES) for split in splits)
        return [ColumnSource(split, self.side_field) for split in sided]


LAYOUTS = {
    "helpsteer2": Layout(suffixes=JSONL),
    "helpsteer2_preference": Layout(many_files=True, side_field=helpsteer2_preference.SPLIT, hub_folder="preference"),
    "helpsteer3": Layout(hub_config="preference"),
    "rmb_pairs": Layout(many_files=True),
    "chosen_rejected": Layout(),
}
"""Data set -> its layout; generated ones have none."""
