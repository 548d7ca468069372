"""TRL's side of training.py, in a process of its own: a GRPOTrainer on the rows and sizes that verl had."""

from __future__ import annotations

import itertools
import json
import sys
import time
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from reward import compute_score
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
from trl import GRPOConfig, GRPOTrainer


class _Clock(TrainerCallback):
    """Notes when each optimizer step has ended."""

    def __init__(self) -> None:
        self.ends = [time.perf_counter()]

    def on_train_begin(self, *args: object, **kwargs: object) -> None:
        self.ends = [time.perf_counter()]

    def on_step_end(self, *args: object, **kwargs: object) -> None:
        self.ends.append(time.perf_counter())


def _reward(completions: list[Any], **_: object) -> list[float]:
    return [compute_score("", completion[0]["content"], None) for completion in completions]


def train(settings: dict[str, Any]) -> dict[str, object]:
    """Train and return the seconds of each step and what the last ones did.

    Args:
        settings: As training.py writes them.
    """
    rows = Dataset.from_parquet(settings["rows"], cache_dir=settings["out_dir"]).select_columns(["prompt"])
    samples = settings["prompts"] * settings["rollouts"]
    micro = settings["micro_batch"]

    config = GRPOConfig(
        output_dir=settings["out_dir"],
        use_cpu=True,
        bf16=False,
        per_device_train_batch_size=micro,
        gradient_accumulation_steps=samples // micro,
        generation_batch_size=samples,
        num_generations=settings["rollouts"],
        max_completion_length=settings["tokens"],
        # The end is never drawn, so every answer has all its tokens, as with verl's ignore_eos.
        generation_kwargs={"min_new_tokens": settings["tokens"]},
        temperature=1.0,
        top_p=1.0,
        top_k=0,
        beta=0.0,
        max_steps=settings["steps"],
        learning_rate=settings["lr"],
        max_grad_norm=1.0,
        gradient_checkpointing=False,
        shuffle_dataset=False,
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
        logging_steps=1,
        seed=0,
    )
    model = AutoModelForCausalLM.from_pretrained(settings["model"], dtype=torch.float32, attn_implementation="sdpa")
    clock = _Clock()
    trainer = GRPOTrainer(
        model=model,
        reward_funcs=_reward,
        args=config,
        train_dataset=rows,
        processing_class=AutoTokenizer.from_pretrained(settings["model"]),
        callbacks=[clock],
    )
    trainer.train()
    logs = [entry for entry in trainer.state.log_history if "step_time" in entry]
    return {
        "step_s": [end - begin for begin, end in itertools.pairwise(clock.ends)],
        "tokens": {key: logs[-1][f"completions/{key}_length"] for key in ("min", "mean", "max")},
        "reward": [entry["reward"] for entry in logs],
    }


if __name__ == "__main__":
    settings_file, out = map(Path, sys.argv[1:])
    out.write_text(json.dumps(train(json.loads(settings_file.read_text()))))
