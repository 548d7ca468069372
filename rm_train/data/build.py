"""One pass over the sources that writes both sides; it knows a folder to write to and nothing of what was there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Generic

from rm_train.data.errors import PrepareError, RowProblem
from rm_train.data.export import RowWriter, row_writer, shuffle_targets
from rm_train.data.fields import Fields
from rm_train.data.process import Shape
from rm_train.data.process.shape import JudgedT
from rm_train.data.progress import Report, progress_bar
from rm_train.data.settings import SIDES, PrepareSettings, Side
from rm_train.data.sources import Record, Source
from rm_train.data.split import prompt_key, side_of
from rm_train.data.tally import BadRowsFile, SideTally

BAD_ROWS_NAME = "bad_rows.jsonl"


def parquet_name(side: Side) -> str:
    """Return the name of one side's file."""
    return f"{side}.parquet"


def build(
    settings: PrepareSettings, shape: Shape[JudgedT], sources: Sequence[Source], folder: Path, progress: bool
) -> dict[str, Any]:
    """Write both sides and the list of broken rows into a folder, and return their counts for the manifest.

    Raises:
        BadRowError: A row is broken and `on_bad_row` is `stop`.
        PrepareError: A side has no rows.
        SourceError: A source cannot be read to its end.
    """
    bad = BadRowsFile(folder / BAD_ROWS_NAME, settings.on_bad_row == "stop")
    with ExitStack() as stack:
        stack.callback(bad.close)
        writers = {side: stack.enter_context(row_writer(folder / parquet_name(side), shape.schema)) for side in SIDES}
        run = _Build(settings, shape, writers, bad)
        for source in sources:
            with progress_bar(progress, source.name, source.total_bytes) as report:
                run.read(source, report)
        run.check_not_empty()
    if settings.shuffle_targets:
        shuffle_targets(
            folder / parquet_name("train"), shape.schema, shape.targets, shape.rows_per_example, settings.seed
        )
    return run.as_json("from the source" if sources[0].side is not None else "by a hash of the prompt")


class _Build(Generic[JudgedT]):
    def __init__(
        self,
        settings: PrepareSettings,
        shape: Shape[JudgedT],
        writers: Mapping[Side, RowWriter],
        bad: BadRowsFile,
    ) -> None:
        self._settings = settings
        self._shape = shape
        self._writers = writers
        self._bad = bad
        self._tallies = {side: SideTally(shape.labels) for side in SIDES}
        # Prompts of an official validation side, which is read first: about 100 bytes each.
        self._held_out: set[int] = set()
        self._ties = 0
        self._overlap_rows = 0
        self._overlap_prompts: set[int] = set()

    def read(self, source: Source, report: Report) -> None:
        open_sides = SIDES if source.side is None else (source.side,)
        for count, record in enumerate(source.records(), start=1):
            if all(self._is_full(side) for side in open_sides):
                return
            report(count, record.offset)
            try:
                example = self._shape.convert(Fields(record.parse()))
            except RowProblem as problem:
                self._bad.add(source, record.line, problem)
            else:
                self._take(source, record, example)

    def _take(self, source: Source, record: Record, example: JudgedT) -> None:
        key = prompt_key(example.conversation)
        side = source.side or side_of(key, self._settings.val_fraction)
        if key in self._held_out and side == "train":
            self._overlap_rows += self._shape.rows_per_example
            self._overlap_prompts.add(key)
            return
        if self._is_full(side):
            return
        tally = self._tallies[side]
        rows = self._shape.rows(example, side, tally.rows, f"{source.name}:{record.line}")
        if not rows:
            self._ties += 1
            return
        if source.side == "validation":
            self._held_out.add(key)
        for row in rows:
            self._writers[side].add(row)
            tally.add(row["reward_model"]["ground_truth"], len(example.conversation), key)

    def _is_full(self, side: Side) -> bool:
        limit = self._settings.limit(side)
        return limit is not None and self._tallies[side].rows + self._shape.rows_per_example > limit

    def check_not_empty(self) -> None:
        rows = {side: self._tallies[side].rows for side in SIDES}
        if all(rows.values()):
            return
        if self._bad.first is not None and not any(rows.values()):
            raise PrepareError(f"all {self._bad.count} rows are broken, the first one: {self._bad.first}")
        found = f"{rows['train']} training rows and {rows['validation']} validation rows"
        raise PrepareError(
            f"found {found} (broken: {self._bad.count}, dropped because validation has their prompt: "
            f"{self._overlap_rows}); both sides need some: give more rows, another val_fraction "
            f"(now {self._settings.val_fraction}), or a folder with train and validation files"
        )

    def as_json(self, split: str) -> dict[str, Any]:
        ties = {"dropped_ties": self._ties} if self._settings.drop_ties else {}
        return {
            "split": split,
            "counts": {side: self._tallies[side].as_json() for side in SIDES},
            "dropped_overlap": {
                "rows": self._overlap_rows,
                "prompts": len(self._overlap_prompts),
                "note": "training rows left out because a validation row has the same prompt",
            },
            **ties,
            "bad_rows": self._bad.as_json(),
        }
