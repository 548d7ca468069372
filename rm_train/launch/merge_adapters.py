"""Writes the judge that LoRA has trained as a plain Hugging Face folder: base model and adapters in one.

verl's own merger leaves the adapters beside the base model, and refuses a checkpoint that holds adapters alone. Like
that one, this stores the weights in bfloat16. It runs in a process of its own:
`python -m rm_train.launch.merge_adapters CHECKPOINT BASE TARGET`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer
from verl.model_merger.base_model_merger import ModelMergerConfig
from verl.model_merger.fsdp_model_merger import FSDPModelMerger


class AdapterMerger(FSDPModelMerger):  # type: ignore[misc]
    """verl's reading of a checkpoint's shards, with another way to write.

    Args:
        checkpoint: The policy in a checkpoint, in shards.
        base: The base model: a folder or a name on the hub.
        target: Where the judge goes; the adapters by themselves go into `lora_adapter` there.
    """

    def __init__(self, checkpoint: Path, base: str, target: Path) -> None:
        tokenizer = str(checkpoint / "huggingface")
        paths = {"local_dir": str(checkpoint), "target_dir": str(target), "hf_model_config_path": tokenizer}
        super().__init__(ModelMergerConfig(operation="merge", backend="fsdp", **paths))
        self._base, self._tokenizer, self._target = base, tokenizer, target

    def save_hf_model_and_tokenizer(self, state_dict: dict[str, torch.Tensor]) -> None:
        """Add the adapters among the tensors to the base model, and save it with the checkpoint's tokenizer."""
        adapters = self.save_lora_adapter(state_dict)
        model: Any = AutoModelForCausalLM.from_pretrained(self._base, dtype="auto")
        merged = PeftModel.from_pretrained(model, adapters).merge_and_unload()
        merged.to(torch.bfloat16).save_pretrained(self._target)
        AutoTokenizer.from_pretrained(self._tokenizer).save_pretrained(self._target)


if __name__ == "__main__":
    AdapterMerger(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])).merge_and_save()
