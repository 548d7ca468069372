"""Memory figures: of the process, with a peak that can start anew, and of a container where there is one."""

import sys
from pathlib import Path

import psutil
import pytest
import torch

from rm_train.cpu import memory

GIB = 2**30


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can reset the peak")
def test_the_peak_can_start_anew():
    block = torch.ones(256 << 20, dtype=torch.uint8)
    with_block = memory.peak()
    del block
    # Linux counts in batches of pages, so two readings differ by a little.
    assert memory.peak() > with_block - (16 << 20) > memory.resident() + (128 << 20)
    memory.reset_peak()
    assert memory.peak() < with_block - (128 << 20)


def group(folder: Path, limit: str, used: int, cached: int, *, version: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    names = ("memory.max", "memory.current") if version == 2 else ("memory.limit_in_bytes", "memory.usage_in_bytes")
    for name, content in zip(names, (limit, str(used)), strict=True):
        (folder / name).write_text(content + "\n")
    key = "inactive_file" if version == 2 else "total_inactive_file"
    (folder / "memory.stat").write_text(f"anon {used - cached}\n{key} {cached}\n")


@pytest.mark.parametrize(("version", "line"), [(2, "0::/pod/box"), (1, "4:memory:/pod/box")])
def test_the_tightest_limit_of_the_container_counts(tmp_path: Path, version: int, line: str):
    root = tmp_path / "cgroup" / ("memory" if version == 1 else "")
    group(root, "max" if version == 2 else str(1 << 62), 0, 0, version=version)
    group(root / "pod", str(GIB), 3 * GIB // 4, GIB // 4, version=version)
    group(root / "pod" / "box", str(2 * GIB), GIB // 4, 0, version=version)
    own = tmp_path / "own"
    own.write_text(f"7:cpu:/elsewhere\n{line}\n")
    available, total = memory.available_and_total(tmp_path / "cgroup", own)
    # Half a GiB is used for good in the pod: a quarter of its three is cache, which gives way.
    assert (available, total) == (GIB // 2, GIB)


def test_a_container_that_sees_itself_as_the_root_has_its_limit(tmp_path: Path):
    group(tmp_path, str(GIB), GIB // 4, 0, version=2)
    own = tmp_path / "own"
    own.write_text("0::/\n")
    assert memory.available_and_total(tmp_path, own) == (3 * GIB // 4, GIB)


@pytest.mark.parametrize("content", ["", "0::/nowhere\n", None])
def test_without_a_limit_the_machine_counts(tmp_path: Path, content: str | None):
    own = tmp_path / "own"
    if content is not None:
        own.write_text(content)
    available, total = memory.available_and_total(tmp_path, own)
    assert 0 < available <= total == psutil.virtual_memory().total
