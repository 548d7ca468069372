"""What travels with a job: our packages with their configs and entry points, and what the user includes.

Ray puts the folder first on the Python path of every process of the job. Entry points are found by the first
distribution of a name on that path, so verl's plug-ins and the rewards are this code's on every node, also where
another version of rm-train is installed. No data, no tests, no runs; the rest is the nodes' own.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import distribution
from pathlib import Path

import reward_fn
import rm_train
from rm_train.jobs.client import JobError
from rm_train.launch.config import configs_dir

LIMIT = 64 * 2**20
"""Bytes that a job may carry: its code. Ray keeps them in the memory of the head node."""

_DISTRIBUTION = "rm-train"
_METADATA = ("METADATA", "entry_points.txt")
_LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyc", ".git", ".gitignore", ".venv", ".mypy_cache", ".ruff_cache")


@contextmanager
def staged(includes: Sequence[Path]) -> Iterator[Path]:
    """Lay out what a job carries in a temporary folder, as long as the block runs.

    Args:
        includes: Files and folders of the user's, which go to the top: modules, packages, reward files.

    Raises:
        JobError: One is not there or has a name that is taken, or all together are too large.
    """
    with tempfile.TemporaryDirectory(prefix="rm-train-job-") as name:
        folder = Path(name)
        for package in (reward_fn, rm_train):
            source = Path(str(package.__file__)).parent
            shutil.copytree(source, folder / source.name, ignore=_LEFT_OUT)
        shutil.copytree(configs_dir(), folder / "rm_train" / "configs", dirs_exist_ok=True, ignore=_LEFT_OUT)
        _write_metadata(folder)
        for path in includes:
            _include(path, folder)
        check_size(folder, includes)
        yield folder


def size(folder: Path) -> int:
    """Return the bytes of the files in a folder, or of a file."""
    return sum(path.stat().st_size for path in (folder, *folder.rglob("*")) if path.is_file())


def check_size(folder: Path, includes: Sequence[Path]) -> None:
    """Check what a job is to carry against `LIMIT`.

    Raises:
        JobError: It is more.
    """
    if (taken := size(folder)) <= LIMIT:
        return
    largest = max(includes, key=lambda path: size(folder / path.resolve().name), default=None)
    what = (
        f"--include {largest} has {size(folder / largest.resolve().name) / 2**20:,.0f} MiB" if largest else "its code"
    )
    raise JobError(
        f"the job would carry {taken / 2**20:,.0f} MiB, and {LIMIT / 2**20:.0f} MiB are allowed ({what}); a job "
        "carries code: leave data and models on storage that all nodes see, and name their paths"
    )


def _write_metadata(folder: Path) -> None:
    installed = distribution(_DISTRIBUTION)
    target = folder / f"{_DISTRIBUTION.replace('-', '_')}-{installed.version}.dist-info"
    target.mkdir()
    for name in _METADATA:
        (target / name).write_text(installed.read_text(name) or "")


def _include(path: Path, folder: Path) -> None:
    source = path.resolve()
    target = folder / source.name
    if not source.exists():
        raise JobError(f"--include {path}: there is no such file or folder here")
    if target.exists():
        raise JobError(f"--include {path}: a job has a {source.name} already; give yours another name")
    if source.is_dir():
        shutil.copytree(source, target, ignore=_LEFT_OUT)
    else:
        shutil.copy2(source, target)
