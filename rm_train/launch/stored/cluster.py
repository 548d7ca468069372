"""Does something on every node of the cluster that a run joins.

In a process of its own, which `call` starts with an order: Ray changes the process that joins.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from rm_train.storage.errors import IncompleteError, StorageError
from rm_train.storage.fetch import fetch
from rm_train.storage.nodes import node_names, on_nodes
from rm_train.storage.run import gather, spread, store_checkpoint


def call(config: DictConfig, work: str, **arguments: Any) -> Any:  # noqa: ANN401 - what the work takes and returns
    """Do some work on the nodes of a run's cluster.

    Args:
        config: The run's config.
        work: One of the names in `WORK`.
        arguments: What it takes, as JSON has it.

    Raises:
        StorageError: It failed, or the cluster could not be joined.
    """
    from rm_train.launch.run_folder import RunFolder
    from rm_train.launch.verl_run import training_environment

    environment = training_environment(config, RunFolder(Path(config.run_dir)).next_metrics())
    runtime_env = OmegaConf.select(config, "ray_kwargs.ray_init.runtime_env")
    options = {} if runtime_env is None else {"runtime_env": OmegaConf.to_container(runtime_env, resolve=True)}
    order = {"address": config.ray_address, "ray_init": options, "work": work, "arguments": arguments}
    command = [sys.executable, "-m", "rm_train.launch.stored.cluster"]
    done = subprocess.run(
        command, input=json.dumps(order), env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        told = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise StorageError(f"ray_address: the nodes at {config.ray_address} could not be asked: {told[-1]}")
    answer = json.loads(done.stdout.splitlines()[-1])
    if "failed" in answer:
        raise (IncompleteError if answer["incomplete"] else StorageError)(answer["failed"])
    return answer["result"]


def main() -> None:
    """Do what the order on the standard input says, and write what comes of it to the standard output."""
    from rm_train.launch.nodes.connect import ClusterError, connected

    order = json.load(sys.stdin)
    try:
        with connected(order["address"], "ray_address", **order["ray_init"]):
            answer = {"result": WORK[order["work"]](**order["arguments"])}
    except (StorageError, ClusterError, OSError) as error:
        answer = {"failed": str(error), "incomplete": isinstance(error, IncompleteError)}
    sys.stdout.write(f"\n{json.dumps(answer)}\n")


def _model(uri: str, cache_dir: str) -> None:
    others = list(node_names())[1:]
    on_nodes(fetch, dict.fromkeys(others, (uri, cache_dir)))


WORK: dict[str, Callable[..., Any]] = {
    "model": _model,
    "store": lambda uri, folder, step: store_checkpoint(uri, Path(folder), step),
    "spread": lambda uri, folder, step: spread(uri, Path(folder), step),
    "gather": lambda uri, folder: gather(uri, Path(folder)),
}
"""What can be done, by name; each has JSON for its arguments and its result."""


if __name__ == "__main__":
    main()
