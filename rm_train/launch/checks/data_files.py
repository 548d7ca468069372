"""The data that a run is pointed at: there, in verl's shape, and enough for a batch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from omegaconf import DictConfig, ListConfig

from rm_train.data.settings import GENERATED
from rm_train.data.sources.hub import is_hub_name
from rm_train.launch.checks.problem import Problem
from rm_train.launch.run_folder import RunFolder
from rm_train.storage import is_uri

_BATCH = "data.train_batch_size"


def training_files(config: DictConfig) -> list[Path]:
    """Return the files that verl trains on."""
    return _files(config.data.train_files)


def data_problems(config: DictConfig) -> list[Problem]:
    """Find what is wrong with the data before any of it is prepared."""
    problems = _source(config)
    own = RunFolder(Path(config.run_dir)).data
    for key, value in (("data.train_files", config.data.train_files), ("data.val_files", config.data.val_files)):
        problems += [
            problem for path in _files(value) if path.parent != own for problem in _file(f"{key}", path, config)
        ]
    limit, batch = config.max_train_rows, config.data.train_batch_size
    if type(limit) is int and type(batch) is int and 0 < limit < batch:
        problems.append(too_few_rows("max_train_rows", limit, batch))
    return problems


def too_few_rows(key: str, rows: int, batch: int) -> Problem:
    """Return the problem of rows that do not fill one batch: verl drops a batch that is not full."""
    return Problem(key, f"{rows} training rows do not fill one batch of {batch}, so nothing would be trained",
                   f"give more rows, or write {_BATCH}={rows} or less")  # fmt: skip


def _source(config: DictConfig) -> list[Problem]:
    """Check `dataset_path` without reading what is there."""
    key, path = "dataset_path", config.dataset_path
    if config.dataset in GENERATED:
        return [Problem(key, f"dataset={config.dataset} is generated and reads no {path!r}",
                        "leave it out, or write dataset=helpsteer2")] if path is not None else []  # fmt: skip
    if not isinstance(path, str) or not path:
        return [Problem(key, f"dataset={config.dataset} needs one", "write a file, a folder or a name on the hub")]
    if is_uri(path) or Path(path).exists() or (is_hub_name(path) and not path.endswith((".jsonl", ".gz"))):
        return []
    return [Problem(key, f"there is no file or folder {Path(path).absolute()}",
                    "correct the path; a name on the hub is OWNER/NAME")]  # fmt: skip


def _file(key: str, path: Path, config: DictConfig) -> list[Problem]:
    if "://" in str(path) or str(path).startswith("hdfs:"):
        return []  # verl fetches it
    if not path.is_file():
        return [Problem(key, f"there is no file {path.absolute()}", "correct the path")]
    if path.suffix != ".parquet" or config.data.custom_cls.path is not None:
        return []
    try:
        schema = pq.read_schema(path)
    except (pa.ArrowInvalid, OSError) as error:
        return [Problem(key, f"{path} cannot be read as parquet ({error})", "write it anew")]
    missing = [name for name in _columns(config) if not _has(schema, name)]
    if not missing:
        return []
    return [Problem(key, f"{path} lacks verl's {', '.join(missing)}; it has {', '.join(schema.names)}",
                    "make it with `rm-train prepare`, or add them")]  # fmt: skip


def _columns(config: DictConfig) -> Sequence[str]:
    return ("data_source", config.data.prompt_key, "reward_model.ground_truth", "extra_info")


def _has(schema: pa.Schema, name: str) -> bool:
    column, _, field = name.partition(".")
    if column not in schema.names:
        return False
    kind = schema.field(column).type
    return not field or (pa.types.is_struct(kind) and kind.get_field_index(field) >= 0)


def _files(value: str | ListConfig) -> list[Path]:
    return [Path(name) for name in ([value] if isinstance(value, str) else value)]
