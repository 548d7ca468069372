"""Rows of a data set on the Hugging Face hub, streamed: nothing is downloaded that is not read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

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

    @property
    def name(self) -> str:
        """The data set and its split."""
        return f"{self.dataset}/{self.split}"

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

            rows = load_dataset(self.dataset, split=self.split, revision=self.revision, streaming=True)
            for number, row in enumerate(rows, start=1):
                yield Record(number, row)

    def identity(self, known: Mapping[str, Any] | None) -> dict[str, Any]:
        """Return name, side and revision: a commit of the hub never changes."""
        return {"name": self.name, "side": self.side, "revision": self.revision}


def is_hub_name(path: str) -> bool:
    """Say whether a path that does not exist could be `owner/name` or `owner/name@revision` on the hub."""
    return _NAME.fullmatch(path) is not None and not path.endswith((".jsonl", ".gz", ".json", ".parquet"))


def hub_sources(path: str) -> list[HubSource]:
    """Return the splits of a data set on the hub at its present commit, validation first.

    Raises:
        SourceError: The hub does not know it or does not answer, or `datasets` is not installed.
    """
    match = _NAME.fullmatch(path)
    if match is None:
        raise SourceError(f"{path}: not a name on the hub, which would be owner/name")
    name = match["name"]
    with _hub_errors(path):
        from datasets import get_dataset_split_names
        from huggingface_hub import HfApi

        revision = HfApi().dataset_info(name, revision=match["revision"]).sha or match["revision"] or "main"
        splits = get_dataset_split_names(name, revision=revision)
    train, validation = choose_sides(splits, path)
    if validation is None:
        return [HubSource(name, revision, train, None)]
    return [HubSource(name, revision, validation, "validation"), HubSource(name, revision, train, "train")]


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
    except (OSError, httpx.HTTPError, DatasetsError) as error:
        raise SourceError(
            f"{path}: no such file or folder here, and the hub cannot give it ({type(error).__name__}: {error})"
        ) from error
