"""Memory of this process and of its machine, in bytes; in a container, the container is the machine."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import psutil

from rm_train.cpu.cgroups import CGROUPS, OWN_CGROUPS, own_groups

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")


def resident() -> int:
    """Return the resident memory of this process."""
    return int(psutil.Process().memory_info().rss)


def peak() -> int:
    """Return the largest resident memory of this process since it began, or since `reset_peak` on Linux."""
    if _STATUS.exists():
        line = next(line for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    import resource

    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return largest if sys.platform == "darwin" else largest * 1024


def reset_peak() -> None:
    """Let the peak start anew from what is resident now; only Linux can."""
    if _CLEAR.exists():
        _CLEAR.write_text("5")  # see proc(5): resets the peak of the resident set


def available_and_total(cgroups: Path = CGROUPS, own_cgroups: Path = OWN_CGROUPS) -> tuple[int, int]:
    """Return how much memory can still be taken, and how much there is, within the limits of this process's cgroups.

    Args:
        cgroups: Where the control groups of Linux are mounted.
        own_cgroups: The file that names those of this process.
    """
    machine = psutil.virtual_memory()
    available, total = int(machine.available), int(machine.total)
    for limit, used in _limits(cgroups, own_cgroups):
        total = min(total, limit)
        available = min(available, max(0, limit - used))
    return available, total


def _limits(cgroups: Path, own_cgroups: Path) -> Iterator[tuple[int, int]]:
    """Yield limit and use of every control group that this process is in."""
    for version, folder in own_groups("memory", cgroups, own_cgroups):
        if version == 1:
            yield from _limit(folder, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        else:
            yield from _limit(folder, "memory.max", "memory.current", "inactive_file")


def _limit(folder: Path, limit_file: str, use_file: str, cache_name: str) -> Iterator[tuple[int, int]]:
    try:
        limit, used = (folder / limit_file).read_text().strip(), int((folder / use_file).read_text())
        stat = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
    except OSError:
        return  # this group has no limit of its own
    if limit != "max":
        # Cached files count as used, but give way.
        yield int(limit), used - int(stat.get(cache_name, 0))
