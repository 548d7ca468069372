"""Object storage that a run is pointed at: an address that can be used, something there to read, leave to write."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator

from omegaconf import DictConfig

from rm_train.launch.checks.problem import Problem
from rm_train.storage import StorageError, Store, is_uri
from rm_train.storage.uri import uri_problem

_ATTEMPTS = 2
_STORAGE, _DATA, _MODEL = "storage", "dataset_path", "base_model_path"


def storage_problems(config: DictConfig, *, reach: bool) -> list[Problem]:
    """Find addresses that cannot be used, objects that are missing and buckets that cannot be read or written.

    Args:
        config: The run's config.
        reach: Ask the storage, and try to write a few bytes where the run is to be stored.
    """
    return list(_problems(config, reach))


def _problems(config: DictConfig, reach: bool) -> Iterator[Problem]:
    given = {_STORAGE: config.storage, _DATA: config.dataset_path, _MODEL: config.base_model_source}
    for key, uri in given.items():
        if uri is None or (key == _DATA and not is_uri(uri)):
            continue
        if not is_uri(uri):
            yield Problem(key, "is no address", "write one such as s3://BUCKET/FOLDER; runs_dir=FOLDER is for one that "
                          "all nodes share")  # fmt: skip
        elif wrong := uri_problem(uri):
            yield Problem(key, *wrong)
        elif reach and (failed := _failure(key, uri, _written if key == _STORAGE else _found)):
            yield failed
    if config.storage and config.actor_rollout_ref.actor.checkpoint.get("async_save", False):
        yield Problem("actor_rollout_ref.actor.checkpoint.async_save", "verl says that a checkpoint is saved before it "
                      "is, so it cannot be stored", "write false, or storage=null")  # fmt: skip


def _failure(key: str, uri: str, attempt: Callable[[Store], None]) -> Problem | None:
    try:
        attempt(Store(uri, _ATTEMPTS))
    except StorageError as error:
        what, _, fix = str(error).partition("; ")
        return Problem(key, what, fix)
    return None


def _found(store: Store) -> None:
    if store.file() is None and not store.files():
        raise StorageError(f"{store.uri}: there is no such file, and no folder with files in it; correct the name")


def _written(store: Store) -> None:
    """Write, read and remove a few bytes: permissions for each are given apart."""
    name = f".rm-train-{uuid.uuid4().hex[:12]}"
    store.write(name, name)
    if store.read(name) != name:
        raise StorageError(f"{store.uri}: what was written is not what is read; look at the service")
    store.remove(name)
