"""A base model in object storage, brought to every node before verl looks for it there."""

from __future__ import annotations

from omegaconf import DictConfig
from rich.console import Console

from rm_train.launch.stored.cluster import call
from rm_train.storage import fetch


def fetch_model(config: DictConfig, console: Console) -> None:
    """Fetch the base model to `base_model_path`, the same folder on every node, if it lies in object storage.

    Raises:
        StorageError: It is not there, or cannot be fetched.
        OSError: The cache cannot be written.
    """
    if (uri := config.base_model_source) is None:
        return
    fetch(uri, config.cache_dir, progress=console.is_terminal)
    if config.ray_address != "local":
        with console.status(f"fetching {uri} on every node"):
            call(config, "model", uri=uri, cache_dir=config.cache_dir)
