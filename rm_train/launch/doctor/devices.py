"""Processors, GPUs and memory, as far as this process may use them."""

from __future__ import annotations

import os
import subprocess

from rm_train.cpu.cgroups import cpu_limit
from rm_train.cpu.memory import available_and_total
from rm_train.launch.doctor.finding import Finding, warn

_SMI = ("nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader")
_SMI_S = 10
_ENOUGH_MEMORY = 6 * 2**30
"""What a run of the tiny judge takes, with some room to spare, in bytes."""


def cpu(limit: float | None = None) -> Finding:
    """Examine the processors.

    Args:
        limit: How many cores' time this process may use; asked of its control groups if None.
    """
    limit = cpu_limit() if limit is None else limit
    cores = os.cpu_count() or 1
    if limit is None or limit >= cores:
        return Finding("CPU", f"{cores} cores")
    what = f"{cores} cores, of which this container may use {limit:.1f}"
    if "OMP_NUM_THREADS" in os.environ:
        return Finding("CPU", f"{what}; OMP_NUM_THREADS={os.environ['OMP_NUM_THREADS']}")
    return warn("CPU", f"{what}: as many threads as cores would wait for each other",
                f"set OMP_NUM_THREADS={max(1, int(limit))}")  # fmt: skip


def gpu() -> Finding:
    """Examine the GPUs, as their driver and as torch sees them."""
    import torch

    there = _nvidia_smi()
    if isinstance(there, Finding):
        return there
    cuda, build, seen = torch.version.cuda or torch.version.hip, f"torch {torch.__version__}", torch.cuda.device_count()
    listed = "; ".join(there)
    if there and not cuda:
        return warn("GPU", f"{listed}; but {build} is a CPU build", "install a build for GPUs: pip install "
                    "'rm-train[gpu]' in a new environment")  # fmt: skip
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if seen < len(there) and visible is not None:
        return Finding("GPU", f"{listed}; {build} sees {seen}, as CUDA_VISIBLE_DEVICES={visible} says")
    if seen < len(there):
        return warn("GPU", f"{listed}; but {build} sees {seen}", f"install a driver that runs CUDA {cuda} programs")
    return Finding("GPU", f"{listed or 'none by nvidia-smi'}; {build} sees {seen}")


def _nvidia_smi() -> list[str] | Finding:
    """Return a line for each GPU of NVIDIA's driver: name, memory, version of the driver."""
    try:
        done = subprocess.run(_SMI, capture_output=True, text=True, timeout=_SMI_S)
    except FileNotFoundError:
        return []
    except (OSError, subprocess.TimeoutExpired) as error:
        return warn("GPU", f"nvidia-smi does not answer ({error})", "repair NVIDIA's driver, or use hardware=cpu")
    if done.returncode:
        reason = (done.stdout + done.stderr).strip().partition("\n")[0]
        return warn("GPU", f"nvidia-smi fails: {reason}", "repair NVIDIA's driver, or use hardware=cpu")
    return [line.strip() for line in done.stdout.splitlines() if line.strip()]


def memory(enough: int = _ENOUGH_MEMORY) -> Finding:
    """Examine the memory that is free, within the limits of a container.

    Args:
        enough: The bytes below which it is little.
    """
    available, total = available_and_total()
    what = f"{available / 2**30:.1f} of {total / 2**30:.1f} GiB are free"
    if available >= enough:
        return Finding("memory", what)
    return warn(
        "memory", f"{what}; the tiny judge takes {enough / 2**30:.0f}", "end other programs, or raise the limit"
    )
