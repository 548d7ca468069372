"""What verl loads (entry point group `verl.plugins`) in the driver and in every Ray worker when it is imported.

On a machine without an accelerator it gives verl a CPU platform, FSDP2 engines and the `hf_cpu` rollout. Anywhere
else it changes nothing. verl reports a plug-in that fails as a debug line only, so `LOADED` tells whether it worked.
"""

from __future__ import annotations

import os

import torch

LOADED = False
"""Whether verl has been given the CPU platform and rollout in this process."""


def wanted() -> bool:
    """Return whether this process is to run verl on CPU.

    The build of torch decides, not the devices that are visible: a GPU cluster's head node has no GPU, and neither
    have the Ray actors that did not ask for one. `VERL_PLATFORM` overrules it, as in verl.
    """
    chosen = os.environ.get("VERL_PLATFORM", "").strip().lower()
    if chosen:
        return chosen == "cpu"
    accelerator = torch.accelerator.current_accelerator(check_available=False)
    return accelerator is None or accelerator.type == "mps"


def load() -> None:
    """Register the platform and the rollout; the platform registers the engines when a worker asks for it.

    Importing the engines takes a second or two, and most of a run's processes have no engine.
    """
    from verl.plugin.platform import PlatformRegistry, set_platform

    from rm_train.cpu.platform import PlatformCPU

    PlatformRegistry.register(platform="cpu")(PlatformCPU)
    # Not left to verl's detection: it tries its own platforms first and takes any machine with `nvidia-smi` for a GPU.
    set_platform(PlatformCPU())

    from rm_train.cpu import rollout_registry

    rollout_registry.register()


if wanted():
    load()
    LOADED = True
