"""verl's FSDP2 engines on CPU: the stock engines, registered for one more device when this module is imported.

They differ in what the stock ones hard-wire for GPUs: pinned memory for the reference model, flash attention for the
value model.
"""

from __future__ import annotations

import copy
import dataclasses

import torch
from verl.workers.config import FSDPEngineConfig, HFModelConfig
from verl.workers.engine import EngineRegistry
from verl.workers.engine.fsdp.transformer_impl import FSDPEngineWithLMHead, FSDPEngineWithValueHead


@EngineRegistry.register(model_type="language_model", backend="fsdp2", device="cpu")
class FSDP2CpuEngine(FSDPEngineWithLMHead):  # type: ignore[misc]
    """Stock FSDP2 language model engine for device `cpu`: the actor and the reference model."""

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


@EngineRegistry.register(model_type="value_model", backend="fsdp2", device="cpu")
class FSDP2CpuValueEngine(FSDP2CpuEngine, FSDPEngineWithValueHead):  # type: ignore[misc]
    """Stock FSDP2 value model engine for device `cpu`: PPO's critic."""

    model_config: HFModelConfig

    def _build_module(self) -> torch.nn.Module:
        """Build the model with one new output, as a token classifier with the attention that the config names.

        verl's own way insists on flash attention. The way of its language models takes the class that the config's
        architecture names. The new output's weights are drawn from the engine's seed.
        """
        config = self.model_config
        hf_config = copy.deepcopy(config.hf_config)
        hf_config.update({"num_labels": 1, "classifier_dropout": 0.0, "hidden_dropout": 0.0})
        family = hf_config.architectures[0].partition("For")[0]
        hf_config.architectures = [f"{family}ForTokenClassification"]
        self.model_config = copy.copy(config)
        self.model_config.model_type, self.model_config.hf_config = "language_model", hf_config
        try:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(self.engine_config.seed)
                module: torch.nn.Module = super()._build_module()
        finally:
            self.model_config = config
        return module
