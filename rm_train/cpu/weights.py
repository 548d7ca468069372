"""Takes a policy's new weights in parts and puts all of them into a model, or none: whole models, or LoRA adapters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from transformers import PreTrainedModel


class WeightLoader:
    """Replaces the weights of a model."""

    def __init__(self, model: PreTrainedModel) -> None:
        # Tied weights have several names, and a trainer may send any of them.
        self._targets: dict[str, torch.Tensor] = dict(model.named_parameters(remove_duplicate=False))
        self._targets |= dict(model.named_buffers())
        self._needed = {id(parameter): name for name, parameter in model.named_parameters()}
        self._staged: dict[str, torch.Tensor] = {}

    def stage(self, tensors: Iterable[tuple[str, torch.Tensor]], *, first: bool) -> None:
        """Keep new weights until `commit`; the first of an update drop what an update that broke off has left."""
        if first:
            self._staged = {}
        self._staged.update(tensors)

    @torch.no_grad()
    def commit(self) -> None:
        """Put the staged weights into the model.

        Raises:
            ValueError: If a weight is unknown, missing or of another shape; the model is unchanged then.
        """
        staged, self._staged = self._staged, {}
        unknown = sorted(staged.keys() - self._targets.keys())
        given = {id(self._targets[name]) for name in staged.keys() & self._targets.keys()}
        missing = sorted(name for key, name in self._needed.items() if key not in given)
        misshapen = sorted(n for n in staged.keys() & self._targets.keys() if staged[n].shape != self._targets[n].shape)
        if unknown or missing or misshapen:
            raise ValueError(
                "the trainer's weights do not fit the rollout's model: "
                f"unknown {unknown[:5]}, missing {missing[:5]}, of another shape {misshapen[:5]}"
            )
        for name, tensor in staged.items():
            self._targets[name].copy_(tensor)


class AdapterLoader(WeightLoader):
    """Replaces a model's LoRA adapters, which it gives to the model first; the model's own weights never change.

    The adapters are not merged into the weights, so the model computes as the trainer's does.

    Args:
        model: The base model, without adapters.
        peft_config: The adapters' `LoraConfig` as a dict, as verl sends it.
    """

    def __init__(self, model: PreTrainedModel, peft_config: Mapping[str, Any]) -> None:
        from peft import get_peft_config, inject_adapter_in_model

        inject_adapter_in_model(get_peft_config(dict(peft_config)), model, _ADAPTER)
        model.eval()
        super().__init__(model)
        self._targets = {_sent_name(name): tensor for name, tensor in self._targets.items() if "lora_" in name}
        self._needed = {id(tensor): name for name, tensor in self._targets.items()}


_ADAPTER = "default"
"""What peft calls a model's only adapter."""


def _sent_name(name: str) -> str:
    """Return what an adapter's weight is called when it is sent: in peft's wrapper, without the adapter's name."""
    return "base_model.model." + name.replace(f".{_ADAPTER}.", ".")
