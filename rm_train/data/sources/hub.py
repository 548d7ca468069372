"""Rows of a data set on the Hugging Face hub: streamed, unless a person wants to keep what is downloaded."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

from rm_train.data.errors import SourceError
from rm_train.data.settings import Side
from rm_train.data.sources.base import Record, choose_sides

_NAME = re.compile(r"(?P<name>[\w-][\w.-]*/[\w-][\w.-]*)(?:@(?P<revision>[\w./-]+))?")


@dataclass(frozen=True, slots=True)
class HubSource:
    """One split of a data set at one commit; see `Source`."""

    dataset: str
    revision: str
    split: str
    side: Side | None
    config: str | None = None
    streaming: bool = True
    folder: str | None = None

    unit: ClassVar[str] = "row"

    @property
    def name(self) -> str:
        """The data set, its configuration or folder if it has several, and its split."""
        return "/".join(filter(None, (self.dataset, self.config, self.folder, self.split)))

    @property
    def location(self) -> str:
        """The data set, its split and its commit."""
        return f"{self.name}@{self.revision[:12]}"

    @property
    def total_bytes(self) -> None:
        """Unknown: the hub does not say how long a split is."""
        return

    def records(self) -> Iterator[Record]:
        """Yield the rows in the hub's order.

        Raises:
            SourceError: The hub does not answer, or the data set is damaged.
        """
        with _hub_errors(self.location):
            from datasets import load_dataset

            rows = load_dataset(
                self.dataset,
                self.config,
                split=self.split,
                revision=self.revision,
                streaming=self.streaming,
                **_in_folder(self.folder),
            )
            for number, row in enumerate(rows, start=1):
                yield Record(number, row)

    def identity(self, known: Mapping[str, Any] | None) -> dict[str, Any]:
        """Return name, side and revision: a commit of the hub never changes."""
        return {"name": self.name, "side": self.side, "revision": self.revision}


def is_hub_name(path: str) -> bool:
    """Say whether a path that does not exist could be `owner/name` or `owner/name@revision` on the hub."""
    return _NAME.fullmatch(path) is not None and not path.endswith((".jsonl", ".gz", ".json", ".parquet"))


def hub_sources(path: str, config: str | None = None) -> list[HubSource]:
    """Return the splits of a data set on the hub at its present commit, validation first.

    Args:
        path: The name, as `owner/name` or `owner/name@revision`.
        config: The configuration; None where there is only one.

    Raises:
        SourceError: The hub does not know it or does not answer, or `datasets` is not installed.
    """
    name, revision, splits = _at_commit(path, config)
    train, validation = choose_sides(splits, path)
    if validation is None:
        return [HubSource(name, revision, train, None, config)]
    return [
        HubSource(name, revision, validation, "validation", config),
        HubSource(name, revision, train, "train", config),
    ]


def hub_folder(path: str, folder: str) -> list[HubSource]:
    """Return what lies in one folder of a data set on the hub at its present commit.

    Args:
        path: The name, as `owner/name` or `owner/name@revision`.
        folder: The folder.

    Raises:
        SourceError: The hub does not know it or does not answer, or `datasets` is not installed.
    """
    name, revision, splits = _at_commit(path, folder=folder)
    return [HubSource(name, revision, split, None, folder=folder) for split in splits]


def hub_split(path: str, split: str | None, config: str | None, streaming: bool) -> HubSource:
    """Return one split of a data set on the hub at its present commit.

    Args:
        path: The name, as `owner/name` or `owner/name@revision`.
        split: The split; None where there is only one.
        config: The configuration; None where there is only one.
        streaming: Whether rows are fetched as they are read, or all are downloaded first and kept in the cache.

    Raises:
        SourceError: The hub does not know it or does not answer, or `datasets` is not installed.
    """
    name, revision, splits = _at_commit(path, config)
    chosen = splits[0] if split is None and len(splits) == 1 else split
    if chosen not in splits:
        problem = "say which split" if split is None else f"there is no split {split}"
        raise SourceError(f"{path}: {problem}; there are {', '.join(splits)}")
    return HubSource(name, revision, chosen, None, config, streaming)


def _at_commit(path: str, config: str | None = None, folder: str | None = None) -> tuple[str, str, list[str]]:
    """Return a data set's name, present commit and splits."""
    match = _NAME.fullmatch(path)
    if match is None:
        raise SourceError(f"{path}: not a name on the hub, which would be owner/name")
    name = match["name"]
    with _hub_errors(path):
        from datasets import get_dataset_split_names
        from huggingface_hub import HfApi

        revision = HfApi().dataset_info(name, revision=match["revision"]).sha or match["revision"] or "main"
        return name, revision, list(get_dataset_split_names(name, config, revision=revision, **_in_folder(folder)))


def _in_folder(folder: str | None) -> dict[str, str]:
    """Return the argument of `datasets` that names a folder, if there is one."""
    return {} if folder is None else {"data_dir": folder}


@contextmanager
def _hub_errors(path: str) -> Iterator[None]:
    try:
        import httpx
        from datasets.exceptions import DatasetsError
    except ImportError as error:
        raise SourceError(
            f"{path}: no such file or folder; to read it from the hub, pip install 'rm-train[train]' ({error})"
        ) from error
    try:
        yield
    # ValueError: there is no such configuration, or several to choose from.
    except (OSError, ValueError, httpx.HTTPError, DatasetsError) as error:
        raise SourceError(
            f"{path}: no such file or folder here, and the hub cannot give it ({type(error).__name__}: {error})"
        ) from error
