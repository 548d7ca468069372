"""All examinations, in the order in which one needs what the other finds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from omegaconf import DictConfig

from rm_train.launch.doctor.devices import cpu, gpu, memory
from rm_train.launch.doctor.finding import Finding
from rm_train.launch.doctor.hub import hub
from rm_train.launch.doctor.nodes import nodes
from rm_train.launch.doctor.packages import engine_version, package_versions, python_version, torch_build
from rm_train.launch.doctor.places import folder, ray_folder, shared_memory
from rm_train.launch.doctor.plugins import plugins
from rm_train.launch.doctor.processes import leftovers, ray_address_answers, ray_cluster


def examine(overrides: Sequence[str], config: DictConfig, *, start_ray: bool) -> Iterator[Finding]:
    """Yield what is found, one subject after the other.

    Args:
        overrides: What the config was composed with.
        config: A run's config: it says where runs write to, and which Ray cluster they join.
        start_ray: Whether to start a small Ray cluster and end it again.
    """
    yield python_version()
    yield from package_versions()
    yield (build := torch_build())
    if build.state == "ok":
        yield engine_version("vllm")
        yield gpu()
    yield from plugins()
    yield cpu()
    yield memory()
    for key in ("runs_dir", "cache_dir"):
        yield folder(key, Path(config[key]))
    yield ray_folder()
    yield shared_memory()
    yield from leftovers()
    cluster = list(ray_address_answers(overrides, config))
    yield from cluster
    if all(finding.state == "ok" for finding in cluster):
        yield from nodes(config)
    if start_ray:
        yield ray_cluster()
    yield hub()
