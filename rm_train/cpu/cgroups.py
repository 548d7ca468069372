"""The control groups of Linux that limit this process: those of its container, or of its job on a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
OWN_CGROUPS = Path("/proc/self/cgroup")


def own_groups(controller: str, cgroups: Path = CGROUPS, own_cgroups: Path = OWN_CGROUPS) -> Iterator[tuple[int, Path]]:
    """Yield the version, 1 or 2, and the folder of every control group that this process is in.

    Args:
        controller: What is limited, such as `memory`; version 2 has all of it in one folder.
        cgroups: Where control groups are mounted.
        own_cgroups: The file that names those of this process.
    """
    lines = own_cgroups.read_text().splitlines() if own_cgroups.exists() else []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            version, root = 1, cgroups / controller
        elif not controllers:
            version, root = 2, cgroups
        else:
            continue
        # A container may see its own group as the root, or by its path on the host.
        own = root / path.lstrip("/")
        yield from ((version, folder) for folder in (own, *own.parents) if folder.is_relative_to(root))


def cpu_limit(cgroups: Path = CGROUPS, own_cgroups: Path = OWN_CGROUPS) -> float | None:
    """Return how many cores' time this process and its group may use, such as 1.5; None without a limit."""
    limits = []
    for version, folder in own_groups("cpu", cgroups, own_cgroups):
        names = ("cpu.max",) if version == 2 else ("cpu.cfs_quota_us", "cpu.cfs_period_us")
        try:
            quota, period = " ".join((folder / name).read_text() for name in names).split()
        except OSError:
            continue  # this group has no limit of its own
        if quota not in ("max", "-1"):
            limits.append(int(quota) / int(period))
    return min(limits, default=None)
