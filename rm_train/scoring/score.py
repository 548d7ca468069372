"""Scores a file in batches, so that an interrupted run goes on where it was and a judge is never paid twice.

What is done stands in a hidden file beside the result, with a note of what it is part of; it takes the result's name
when all is done.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import yaml

from reward_fn.adapters.scoring import versions
from reward_fn.base import BaseReward
from reward_fn.columns import Columns, RowError
from reward_fn.loading import RewardConfigError, load_attribute, reward_of
from reward_fn.schema import DataSample, RewardDimensionWithScore, RewardResult
from rm_train.data.errors import RowProblem
from rm_train.data.progress import progress_bar
from rm_train.data.sources.base import Record
from rm_train.data.sources.by_suffix import open_file
from rm_train.files import atomic_write_json
from rm_train.scoring.summary import Summary


class ScoreError(ValueError):
    """A file cannot be scored; the message says what to change."""


@dataclass(frozen=True)
class ScoreSettings:
    """What is scored and how.

    Attributes:
        path: The rows: jsonl, gzipped or not, or parquet.
        out: Where the rows go with their rewards, as jsonl.
        columns: Which columns hold what.
        key: The name under which a row gets its reward: an object, or a list of them if it has a list of answers.
        on_bad_row: Whether to stop at a row that is no sample, or to leave it out and count it.
        limit: How many rows are read, all of them if None.
        batch: Rows that are scored together.
        max_workers: How many of them are waited for at a time.
        fresh: Whether to forget what an interrupted run has done.
    """

    path: Path
    out: Path
    columns: Columns = field(default_factory=Columns)
    key: str = "reward"
    on_bad_row: Literal["stop", "skip"] = "stop"
    limit: int | None = None
    batch: int = 1024
    max_workers: int = 64
    fresh: bool = False


def described_reward(described: str, fields: Sequence[str]) -> BaseReward:
    """Return the reward of a name, a YAML or JSON file, or a place, with fields that are set as `FIELD=VALUE`.

    Args:
        described: A name; a file; or `module:name` or `file.py:name`, where the name is that of a class of rewards, or
            of a function with verl's signature.
        fields: Fields of the reward, or further arguments of the function.

    Raises:
        ScoreError: There is no such reward, file or field.
    """
    try:
        source, (path, colon, name) = Path(described), described.rpartition(":")
        content: Any = {"reward": described}
        if source.suffix in (".yaml", ".yml", ".json"):
            content = yaml.safe_load(source.read_text(encoding="utf-8"))
        elif colon and path:
            content["reward"] = load_attribute(path if path.endswith(".py") else f"pkg://{path}", name)
        for given in fields:
            field_name, equals, value = given.partition("=")
            if not equals:
                raise ScoreError(f"--set {given}: write FIELD=VALUE")
            content[field_name] = yaml.safe_load(value)
        return reward_of(content)
    except FileNotFoundError as error:
        raise ScoreError(f"there is no file {described}; correct the path") from error
    except (RewardConfigError, yaml.YAMLError) as error:
        raise ScoreError(f"{described}: {error}") from error


def first_rows(path: Path, count: int) -> list[Mapping[str, Any]]:
    """Return the first rows of a file: jsonl, gzipped or not, json or parquet.

    Raises:
        ScoreError: It is of another kind, or a row is none; the message names the line.
    """
    rows = []
    for record in islice(open_file(path).records(), count):
        try:
            rows.append(record.parse())
        except RowProblem as error:
            raise ScoreError(f"{path}, line {record.line}: {error}") from error
    return rows


def score_file(reward: BaseReward, settings: ScoreSettings, *, progress: bool = False) -> Summary:
    """Score all answers of a file.

    Args:
        reward: The reward.
        settings: What is scored and how.
        progress: Whether to show a bar.

    Raises:
        ScoreError: A row is no sample, or the file is none of rows; nothing that is scored is lost.
        OSError: A file cannot be read or written.
    """
    try:
        source = open_file(settings.path)
        total, records = source.total_bytes, source.records()
        if settings.limit:
            records = islice(records, settings.limit)
        part = _Part(settings.out, _identity(reward, settings))
        if settings.fresh:
            part.forget()
        summary = Summary()
        done = part.resume(summary, settings.key)
        with progress_bar(progress, settings.path.name, total) as report:
            for batch in _batches(islice(records, done, None), settings.batch):
                done += len(batch)
                began = time.monotonic()
                lines = _scored(reward, batch, settings, summary)
                summary.seconds += time.monotonic() - began
                part.append(lines, done, summary.bad_rows)
                report(done, batch[-1].offset)
        part.finish()
    except ScoreError:
        raise
    except ValueError as error:
        raise ScoreError(str(error)) from error
    return summary


def _scored(reward: BaseReward, batch: list[Record], settings: ScoreSettings, summary: Summary) -> list[str]:
    """Score a batch; return its lines and count them."""
    rows: list[tuple[Mapping[str, Any], DataSample]] = []
    for record in batch:
        try:
            row = record.parse()
            if settings.key in row:
                raise RowError(f"there is a column {settings.key!r} already; name another one with --key")
            rows.append((row, settings.columns.sample(row)))
        except (RowProblem, RowError) as error:
            if settings.on_bad_row == "stop":
                hint = "to leave such rows out: --on-bad-row skip"
                raise ScoreError(f"{settings.path}, line {record.line}: {error} ({hint})") from error
            summary.bad_rows[str(error)[:200]] += 1
    used = versions(reward)
    results = reward.score_batch([sample for _, sample in rows], settings.max_workers)
    lines = []
    for (row, sample), answers in zip(rows, results, strict=True):
        rewards = [_told(result, used) for result in answers]
        summary.add(rewards)
        summary.new_answers += len(rewards)
        several = len(sample.output) != 1 or isinstance(row.get("output"), list)
        scored = {**row, settings.key: rewards if several else rewards[0]}
        lines.append(json.dumps(scored, ensure_ascii=False, default=str))
    return lines


def _told(result: RewardResult, used: Mapping[str, int]) -> dict[str, Any]:
    """Return a result as it is written, with the versions of the rewards that it is of."""
    parts = [part for part in result.details if isinstance(part, RewardDimensionWithScore)]
    failure = result.failure
    return {
        "score": result.score,
        "parts": {part.name: part.score for part in parts},
        "reasons": {part.name: part.reason for part in parts if part.reason},
        "failure": failure and {"kind": failure.kind.value, "retriable": failure.retriable, "detail": failure.detail},
        **({"extra": result.extra_data} if result.extra_data else {}),
        "versions": used,
    }


def _batches(records: Iterator[Record], size: int) -> Iterator[list[Record]]:
    while batch := list(islice(records, size)):
        yield batch


def _identity(reward: BaseReward, settings: ScoreSettings) -> str:
    """Return a hash of all that the result depends on."""
    status = settings.path.stat()
    kind = type(reward)
    parts = [
        str(settings.path.resolve()), status.st_size, status.st_mtime_ns, repr(settings.columns), settings.key,
        settings.on_bad_row, settings.limit, kind.__module__, kind.__qualname__, versions(reward),
        reward.model_dump(mode="json"),
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()


class _Part:
    """The part of a result that is done."""

    def __init__(self, out: Path, identity: str) -> None:
        self._out, self._identity = out, identity
        self._lines = out.with_name(f".{out.name}.part")
        self._note = out.with_name(f".{out.name}.part.json")

    def forget(self) -> None:
        """Remove what an interrupted run has left."""
        self._lines.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)

    def resume(self, summary: Summary, key: str) -> int:
        """Count what an interrupted run of the same has done; return how many rows it has read."""
        note = json.loads(self._note.read_text()) if self._note.exists() and self._lines.exists() else {}
        if note.get("identity") != self._identity:
            self.forget()
            self._lines.parent.mkdir(parents=True, exist_ok=True)
            self._lines.touch()
            return 0
        with self._lines.open("r+b") as file:
            file.truncate(note["bytes"])
            for line in file:
                rewards = json.loads(line)[key]
                summary.add(rewards if isinstance(rewards, list) else [rewards])
        summary.bad_rows.update(note["bad_rows"])
        return int(note["rows"])

    def append(self, lines: list[str], rows: int, bad_rows: Mapping[str, int]) -> None:
        """Keep lines, and that so many rows are read."""
        with self._lines.open("ab") as file:
            file.write("".join(f"{line}\n" for line in lines).encode("utf-8", "backslashreplace"))
            file.flush()
            size = file.tell()
        note = {"identity": self._identity, "rows": rows, "bytes": size, "bad_rows": dict(bad_rows)}
        atomic_write_json(self._note, note)

    def finish(self) -> None:
        """Give the lines the result's name."""
        self._lines.replace(self._out)
        self._note.unlink(missing_ok=True)
