"""The rows that a run would train on, as far as a reward sees them, read before the run and without verl."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from reward_fn.adapters.rows import Row
from reward_fn.adapters.verl.settings import MANAGER
from reward_fn.loading import RewardConfigError

_KEY = "data.train_files"
_LOOKED_AT = 20_000
"""The most rows that are read of a file."""


@dataclass(frozen=True, slots=True)
class TrainingRow:
    """A row of the training data, without an answer.

    Attributes:
        place: What to call it, such as `row 3`; with several files also which one it is of.
        row: What the reward is told of it.
    """

    place: str
    row: Row


def out_of_reach(config: DictConfig) -> str | None:
    """Return why the rows of a run cannot be read before it, or None if they can."""
    if config.data.custom_cls.path:
        return "data.custom_cls makes the rows in its own way"
    elsewhere = next((file for file in _files(config) if "://" in file or file.startswith("hdfs:")), None)
    return f"{elsewhere} of {_KEY} is not on this machine" if elsewhere else None


def training_rows(config: DictConfig) -> Iterator[TrainingRow]:
    """Read the first rows of the training data.

    Args:
        config: verl's config; its reward manager decides what a reward is told.

    Raises:
        RewardConfigError: A file is not there, cannot be read, or is not in verl's shape.
    """
    files = _files(config)
    prompt_key = config.data.get("prompt_key") or "prompt"
    for file in files:
        path = Path(file).expanduser()
        for number, line in enumerate(islice(_lines(path, prompt_key), _LOOKED_AT)):
            place = f"row {number}" if len(files) == 1 else f"row {number} of {path.name}"
            yield TrainingRow(place, told(config, _row(line, prompt_key, path)))


def told(config: DictConfig, row: Row) -> Row:
    """Return a row as the reward manager of a config hands it to the reward."""
    if config.reward.reward_manager.name == MANAGER:
        return row
    # verl's own managers add these two, and leave the conversation out.
    return replace(row, prompt=None, extra_info={**row.extra_info, "num_turns": 2, "rollout_reward_scores": {}})


def _files(config: DictConfig) -> list[str]:
    named = config.data.train_files
    return [named] if isinstance(named, str) else list(named)


def _row(line: Mapping[str, Any], prompt_key: str, path: Path) -> Row:
    model = line.get("reward_model")
    if "data_source" not in line or not isinstance(model, Mapping):
        lacks = "data_source" if "data_source" not in line else "reward_model.ground_truth"
        raise RewardConfigError([(_KEY, f"{path} has no column {lacks}, which verl's rewards need; add it")])
    return Row(
        data_source=line["data_source"],
        answer="",
        ground_truth=model.get("ground_truth"),
        extra_info=line.get("extra_info") or {},
        prompt=line.get(prompt_key),
    )


def _lines(path: Path, prompt_key: str) -> Iterator[Mapping[str, Any]]:
    """Yield the rows of a file that verl can read, as mappings.

    Raises:
        RewardConfigError: There is no such file, or it is not what its name says.
    """
    if not path.is_file():
        raise RewardConfigError([(_KEY, f"there is no file {path}; correct the path")])
    if path.suffix not in (".parquet", ".json", ".jsonl"):
        raise RewardConfigError([(_KEY, f"verl reads .parquet, .json and .jsonl, not {path.name}; convert it")])
    try:
        yield from _parquet(path, prompt_key) if path.suffix == ".parquet" else _json(path)
    except (OSError, ValueError) as error:
        raise RewardConfigError([(_KEY, f"{path} cannot be read ({error}); write it anew")]) from error


def _parquet(path: Path, prompt_key: str) -> Iterator[Mapping[str, Any]]:
    import pyarrow.parquet as pq

    columns = ["data_source", "reward_model", "extra_info", prompt_key]
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(1000, columns=columns):
            yield from batch.to_pylist()


def _json(path: Path) -> Iterator[Mapping[str, Any]]:
    with path.open(encoding="utf-8") as file:
        is_list = file.read(1) == "["
        file.seek(0)
        yield from json.load(file) if is_list else (json.loads(line) for line in file if line.strip())
