"""Whether this machine can run `rm-train`, and what to do where it cannot.

verl loads plug-ins without a word when one fails, Ray and the hub answer after minutes or never: here each of them is
asked, by itself.
"""

from __future__ import annotations

import os
import platform
import shutil
import socket
import sys
import tempfile
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import entry_points, version
from pathlib import Path
from urllib.parse import urlsplit

import psutil
from rich.table import Table
from rich.text import Text

from rm_train.launch.checks.problem import Problem, warning
from rm_train.launch.process import MARK

_PLUGIN_NAME, _PLUGIN = "rm_train_cpu", "rm_train.cpu.plugin"
_PLUGIN_GROUP = "verl.plugins"
_ANSWER_S = 3.0
_STYLES = {"ok": "green", "warning": "yellow", "error": "red"}
_ENOUGH_GIB = {"memory": 6.0, "disk": 5.0, "shared memory": 1.0}
"""What the tiny judge needs with some room to spare; `docs/sizing.md` tells of larger models."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of one subject."""

    subject: str
    what: str
    problem: Problem | None = None

    @property
    def state(self) -> str:
        """`ok`, `warning` or `error`."""
        return self.problem.severity.value if self.problem else "ok"


def examine(folders: dict[str, Path], *, ray: bool) -> Iterator[Finding]:
    """Yield what is found, one subject after the other.

    Args:
        folders: The folders that runs write to, by the key that names each.
        ray: Whether to start a small Ray cluster and end it again.
    """
    yield python_version()
    yield from package_versions()
    yield plugin()
    yield from devices()
    yield memory()
    yield leftovers()
    for key, folder in folders.items():
        yield disk(key, folder)
    yield shared_memory()
    yield hub()
    if ray:
        yield ray_cluster()


def findings_table(findings: Iterable[Finding]) -> Table:
    """Return what was found, with the fix under what needs one."""
    table = Table(show_header=False)
    for finding in findings:
        what = Text(finding.what)
        if finding.problem:
            what.append(f"\n{finding.problem.fix}", style="bold")
        table.add_row(finding.subject, Text(finding.state, style=_STYLES[finding.state]), what)
    return table


def python_version() -> Finding:
    """Examine the interpreter."""
    found = platform.python_version()
    fine = (3, 10) <= sys.version_info[:2] <= (3, 12)
    return Finding("Python", found, None if fine else warning("Python", f"{found} was not tested", "take 3.10 to 3.12"))


def package_versions() -> Iterator[Finding]:
    """Examine the packages that training needs."""
    from rm_train.launch.checks.versions import compare, required

    for requirement in required("rm-train", "train"):
        problem = next(iter(compare(requirement, "train")), None)
        yield Finding(requirement.name, problem.what if problem else version(requirement.name), problem)


def plugin() -> Finding:
    """Examine whether verl has loaded our plug-in, and why not if it has not."""
    subject = "verl plug-in"
    if _PLUGIN not in [entry.value for entry in entry_points(group=_PLUGIN_GROUP)]:
        return _error(
            subject, "is not installed: pip knows no such entry point", "pip install -e . (or rm-train) again"
        )
    policy = os.environ.get("VERL_USE_EXTERNAL_PLUGINS", "auto").strip().lower()
    if policy != "auto" and _PLUGIN_NAME not in policy.replace(" ", "").split(","):
        return _error(subject, f"VERL_USE_EXTERNAL_PLUGINS={policy} leaves it out", f"unset it, or add {_PLUGIN_NAME}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import_module("verl")
            module = import_module(_PLUGIN)
            if module.LOADED:
                import_module("rm_train.cpu.engine")
    except Exception as error:  # noqa: BLE001 - whatever hides behind verl's debug line is to be shown
        return _error(subject, f"fails with {type(error).__name__}: {error}", "repair what the message names")
    device = import_module("verl.plugin.platform").get_platform().device_name
    role = "CPU platform, engines and rollout" if module.LOADED else "left aside, as torch is built for GPUs"
    return Finding(subject, f"loaded ({role}); verl's device is {device}")


def devices() -> Iterator[Finding]:
    """Examine processors and GPUs."""
    import torch

    yield Finding("CPU", f"{psutil.cpu_count(logical=False)} cores, {os.cpu_count()} threads")
    build = f"CUDA {torch.version.cuda}" if torch.version.cuda else torch.version.hip or "CPU"
    seen, driver = torch.cuda.device_count(), shutil.which("nvidia-smi") is not None
    what = f"{seen} seen by torch {torch.__version__} (a {build} build)"
    problem = None
    if driver and not torch.version.cuda:
        problem = warning(
            "GPU", f"{what}, and nvidia-smi is there", "pip install 'rm-train[gpu]' for a build with CUDA"
        )
    elif driver and not seen:
        problem = warning("GPU", f"{what}, though nvidia-smi is there", "look at CUDA_VISIBLE_DEVICES and the driver")
    yield Finding("GPU", problem.what if problem else what, problem)


def memory() -> Finding:
    """Examine the memory that is free, within the limits of a container."""
    from rm_train.cpu.memory import available_and_total

    available, total = (size / 2**30 for size in available_and_total())
    return _enough("memory", available, f"{available:.1f} of {total:.1f} GiB are free", "end other programs")


def leftovers() -> Finding:
    """Examine whether processes of earlier runs still run."""
    running = [
        process
        for process in psutil.process_iter(["environ", "status"])
        if MARK in (process.info["environ"] or {}) and process.info["status"] != psutil.STATUS_ZOMBIE
    ]
    what = f"{len(running)} processes of runs" if running else "no process of a run"
    return Finding("running", what)


def disk(key: str, folder: Path) -> Finding:
    """Examine a folder that runs write to."""
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        return _error(key, f"{folder} cannot be written ({error.strerror})", f"write {key}=… with a folder of yours")
    free = shutil.disk_usage(there).free / 2**30
    return _enough("disk", free, f"{folder}: {free:.1f} GiB free", f"make room, or write {key}=… on a larger disk", key)


def shared_memory() -> Finding:
    """Examine what Ray's object store lives in."""
    place = Path("/dev/shm")
    if not place.is_dir():
        return Finding("shared memory", "no /dev/shm; Ray uses files instead")
    free = shutil.disk_usage(place).free / 2**30
    return _enough(
        "shared memory", free, f"{free:.1f} GiB free in /dev/shm", "give the container --shm-size=2g or more"
    )


def hub() -> Finding:
    """Examine whether models and data can be downloaded."""
    from huggingface_hub import constants

    subject, endpoint = "Hugging Face hub", constants.ENDPOINT
    if constants.HF_HUB_OFFLINE:
        return Finding(subject, "offline, as HF_HUB_OFFLINE says; only what is in its cache can be used")
    parts = urlsplit(endpoint)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((parts.hostname or "", port), timeout=_ANSWER_S).close()
    except OSError as error:
        problem = warning(subject, f"{endpoint} does not answer ({error})",
                          "set HF_HUB_OFFLINE=1 and give folders, or HF_ENDPOINT=… for a mirror")  # fmt: skip
        return Finding(subject, problem.what, problem)
    return Finding(subject, f"{endpoint} answers")


def ray_cluster() -> Finding:
    """Start Ray, let it run a task, and end it."""
    import ray

    try:
        ray.init(address="local", num_cpus=1, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
        pid = ray.get(ray.remote(lambda: os.getpid()).remote(), timeout=60)
    except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        return _error("Ray", f"cannot run a task: {error}", "look at /tmp/ray/session_latest/logs")
    finally:
        ray.shutdown()
    return Finding("Ray", f"ran a task in process {pid}")


def _error(subject: str, what: str, fix: str) -> Finding:
    return Finding(subject, what, Problem(subject, what, fix))


def _enough(kind: str, gib: float, what: str, fix: str, subject: str | None = None) -> Finding:
    subject = subject or kind
    if gib >= _ENOUGH_GIB[kind]:
        return Finding(subject, what)
    what = f"{what}, and {_ENOUGH_GIB[kind]:.0f} GiB are what the tiny judge needs"
    return Finding(subject, what, warning(subject, what, fix))
