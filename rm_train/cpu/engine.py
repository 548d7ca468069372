"""verl's FSDP2 engine on CPU: the stock engine, registered for one more device, without pinned memory."""

from __future__ import annotations

import dataclasses

import torch
from verl.workers.config import FSDPEngineConfig
from verl.workers.engine import EngineRegistry
from verl.workers.engine.fsdp.transformer_impl import FSDPEngineWithLMHead


class FSDP2CpuEngine(FSDPEngineWithLMHead):  # type: ignore[misc]
    """Stock FSDP2 language model engine for device `cpu`."""

    engine_config: FSDPEngineConfig

    def _build_fsdp_module(self, module: torch.nn.Module) -> torch.nn.Module:
        """Wrap the module without verl's offload policy.

        verl forces that policy on forward-only models (the KL reference). It pins host memory, which needs a GPU, to
        move weights to where they already are.
        """
        config = self.engine_config
        self.engine_config = dataclasses.replace(config, forward_only=False, offload_policy=False)
        try:
            wrapped: torch.nn.Module = super()._build_fsdp_module(module)
        finally:
            self.engine_config = config
        return wrapped


def register() -> None:
    """Make verl choose this engine for `strategy=fsdp2` on device `cpu`."""
    EngineRegistry.register(model_type="language_model", backend="fsdp2", device="cpu")(FSDP2CpuEngine)
