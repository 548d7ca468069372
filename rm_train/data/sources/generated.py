"""Rows from the synthetic generators: the embedded data sets, for machines without data."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, ClassVar

from rm_train.data.settings import SYNTHETIC, PrepareSettings, Side
from rm_train.data.sources.base import Record
from rm_train.data.synthetic import as_dict, generate_rows
from rm_train.data.synthetic_pairs import generate_pairs

Generate = Callable[[int], Iterator[dict[str, Any]]]
"""Takes a number of prompts and yields their rows; more prompts add to the rows of fewer."""


@dataclass(frozen=True, slots=True)
class GeneratedSource:
    """A range of a generator's prompts, from `start` up to `stop`; see `Source`."""

    word: str
    side: Side | None
    start: int
    stop: int
    generate: Generate
    rows_per_prompt: int

    unit: ClassVar[str] = "row"

    @property
    def name(self) -> str:
        """A word for the generator, and the side."""
        return f"{self.word}-{self.side}"

    @property
    def location(self) -> str:
        """The name: there is no file."""
        return self.name

    @property
    def total_bytes(self) -> None:
        """Unknown: there is no file."""
        return

    def records(self) -> Iterator[Record]:
        """Yield the rows of the range."""
        for number, row in enumerate(self._rows(), start=1):
            yield Record(number, row)

    def identity(self, known: Mapping[str, Any] | None) -> dict[str, Any]:
        """Return name, side and the sha256 of the rows themselves, so that a changed generator is noticed."""
        digest = hashlib.sha256()
        for row in self._rows():
            digest.update(json.dumps(row).encode())
        return {"name": self.name, "side": self.side, "sha256": digest.hexdigest()}

    def _rows(self) -> Iterator[dict[str, Any]]:
        return islice(self.generate(self.stop), self.start * self.rows_per_prompt, None)


def generated_sources(settings: PrepareSettings) -> list[GeneratedSource]:
    """Return the validation and the training side of the synthetic ratings or pairs.

    One run of a generator never repeats a prompt, so its first prompts are held out and the rest train; the held-out
    rows do not change with the number of training prompts.
    """

    def ratings(prompts: int) -> Iterator[dict[str, Any]]:
        return map(as_dict, generate_rows(prompts, settings.seed))

    def pairs(prompts: int) -> Iterator[dict[str, Any]]:
        return generate_pairs(prompts, settings.seed, settings.tie_share)

    held_out, stop = settings.val_prompts, settings.val_prompts + settings.train_prompts
    kind = ("synthetic", ratings, 2) if settings.dataset == SYNTHETIC else ("synthetic-pairs", pairs, 1)
    word, generate, rows_per_prompt = kind
    return [
        GeneratedSource(word, "validation", 0, held_out, generate, rows_per_prompt),
        GeneratedSource(word, "train", held_out, stop, generate, rows_per_prompt),
    ]
