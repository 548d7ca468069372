"""verl's platform for machines without an accelerator: device `cpu`, collectives over gloo.

verl asks its platform for a device module in the image of `torch.cuda`. Memory figures are those of the process, so
that verl's memory metrics mean something on CPU too.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from verl.plugin.platform import PlatformBase

from rm_train.cpu import memory

_WORKER_VARIABLES = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


class CpuDeviceModule:
    """The calls that verl makes on `torch.cuda`, answered for the CPU; streams and the like come from `torch.cpu`."""

    def __getattr__(self, name: str) -> object:
        return getattr(torch.cpu, name)

    def is_available(self) -> bool:
        """Return that the device can be used."""
        return True

    def device_count(self) -> int:
        """Return one: a process sees one CPU device, whatever its number of cores."""
        return 1

    def current_device(self) -> int:
        """Return the index of the only device."""
        return 0

    def set_device(self, device: object) -> None:
        """Do nothing: there is one device."""

    def get_device_name(self, device: object = None) -> str:
        """Return a name that is in none of verl's tables of peak FLOPS."""
        return "CPU"

    def synchronize(self, device: object = None) -> None:
        """Do nothing: work on the CPU is done when its call returns."""

    def empty_cache(self) -> None:
        """Do nothing: torch keeps no cache of host memory."""

    def ipc_collect(self) -> None:
        """Do nothing: there are no device handles to share."""

    def memory_allocated(self, device: object = None) -> int:
        """Return the resident memory of this process in bytes."""
        return memory.resident()

    def memory_reserved(self, device: object = None) -> int:
        """Return the resident memory of this process in bytes."""
        return memory.resident()

    def max_memory_allocated(self, device: object = None) -> int:
        """Return the peak of this process's resident memory in bytes."""
        return memory.peak()

    def max_memory_reserved(self, device: object = None) -> int:
        """Return the peak of this process's resident memory in bytes."""
        return memory.peak()

    def reset_peak_memory_stats(self, device: object = None) -> None:
        """Let the peak start anew."""
        memory.reset_peak()

    def mem_get_info(self, device: object = None) -> tuple[int, int]:
        """Return the machine's available and total memory in bytes, or the container's if that is less."""
        return memory.available_and_total()

    def manual_seed(self, seed: int) -> None:
        """Seed torch's generator."""
        torch.manual_seed(seed)

    def manual_seed_all(self, seed: int) -> None:
        """Seed torch's generator."""
        torch.manual_seed(seed)

    def get_rng_state(self, device: object = None) -> torch.Tensor:
        """Return the state of torch's generator."""
        return torch.get_rng_state()

    def set_rng_state(self, state: torch.Tensor, device: object = None) -> None:
        """Restore the state of torch's generator."""
        torch.set_rng_state(state)


def join_process_group() -> None:
    """Join the gloo group of verl's workers, if this process is one of them and has not joined yet."""
    distributed = torch.distributed
    if distributed.is_initialized() or any(name not in os.environ for name in _WORKER_VARIABLES):
        return
    distributed.init_process_group(
        backend="gloo",
        rank=int(os.environ["RANK"]),
        world_size=int(os.environ["WORLD_SIZE"]),
        init_method=os.environ.get("DIST_INIT_METHOD"),
    )


class PlatformCPU(PlatformBase):  # type: ignore[misc]
    """The CPU as verl sees it: one always available device that Ray counts as a logical GPU."""

    device_name = "cpu"
    vendor_name = "generic"
    device_module = CpuDeviceModule()

    def is_available(self) -> bool:
        """Return that the device can be used."""
        return True

    def current_device(self) -> str:
        """Return the device's name: verl passes this to `tensor.to()`, where an index would mean an accelerator."""
        return "cpu"

    def device_count(self) -> int:
        """Return one, as `CpuDeviceModule` does."""
        return 1

    def set_device(self, device_index: int) -> None:
        """Do nothing: there is one device."""

    def synchronize(self, device_index: int | None = None) -> None:
        """Do nothing: work on the CPU is done when its call returns."""

    def manual_seed(self, seed: int) -> None:
        """Seed torch's generator."""
        torch.manual_seed(seed)

    def manual_seed_all(self, seed: int) -> None:
        """Seed torch's generator."""
        torch.manual_seed(seed)

    def set_allocator_settings(self, settings: str) -> None:
        """Do nothing: verl's settings are those of CUDA's allocator."""

    def empty_cache(self) -> None:
        """Do nothing: torch keeps no cache of host memory."""

    def get_device_capability(self, device_index: int = 0) -> tuple[int | None, int | None]:
        """Return that a CPU has no compute capability."""
        return None, None

    def communication_backend_name(self) -> str:
        """Return gloo, once a worker has joined its group and verl has the engines that it will ask for.

        A worker asks for this name to build `cpu:gloo,<device>:<name>`, which torch refuses when the device is the CPU
        ("Duplicate device type"). It then joins only if nobody has: verl offers no other place before that check.
        """
        importlib.import_module("rm_train.cpu.engine")
        join_process_group()
        return "gloo"

    def visible_devices_envvar(self) -> str:
        """Return a variable of our own: one of CUDA's would hide the GPUs from other processes."""
        return "VERL_CPU_VISIBLE_DEVICES"

    @contextmanager
    def nvtx_range(self, msg: str) -> Iterator[None]:
        """Run the block without marking it: there is no device profiler."""
        yield

    def profiler_start(self) -> None:
        """Do nothing: there is no device profiler."""

    def profiler_stop(self) -> None:
        """Do nothing: there is no device profiler."""

    def ray_resource_name(self) -> str:
        """Return the only resource beside NPU that verl counts; Ray is told to have some with `num_gpus`."""
        return "GPU"

    def ray_noset_envvars(self) -> list[str]:
        """Return none: Ray sets no variable for CPU devices."""
        return []

    def is_ipc_supported(self) -> bool:
        """Return that there are no device handles to share."""
        return False

    def cudart(self) -> None:
        """Return that there is no CUDA runtime."""
