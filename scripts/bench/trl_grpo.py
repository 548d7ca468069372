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
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
from trl import GRPOConfig, GRPOTrainer

from rm_train.tasks.pointwise import compute_score


class _Clock(TrainerCallback):
    """Notes when each optimizer step has ended."""

    def __init__(self) -> None:
        self.ends = [time.perf_counter()]

    def on_train_begin(self, *args: object, **kwargs: object) -> None:
        self.ends = [time.perf_counter()]

    def on_step_end(self, *args: object, **kwargs: object) -> None:
        self.ends.append(time.perf_counter())


def _reward(completions: list[Any], ground_truth: list[int], recipe: str) -> list[float]:
    return [
        compute_score("synthetic/helpfulness", completion[0]["content"], truth, recipe=recipe)["score"]
        for completion, truth in zip(completions, ground_truth, strict=True)
    ]


def train(settings: dict[str, Any]) -> dict[str, object]:
    """Train and return the seconds of each step and what the last ones did.

    Args:
        settings: As training.py writes them.
    """
    rows = Dataset.from_parquet(settings["rows"], cache_dir=settings["out_dir"])
    rows = rows.map(lambda row: {"prompt": row["prompt"], "ground_truth": row["reward_model"]["ground_truth"]})
    rows = rows.select_columns(["prompt", "ground_truth"])
    samples = settings["prompts"] * settings["rollouts"]
    micro = settings["micro_batch"]

    def reward(completions: list[Any], ground_truth: list[int], **_: object) -> list[float]:
        return _reward(completions, ground_truth, settings["recipe"])

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
        reward_funcs=reward,
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
        "generate_s": [
            value for entry in logs for key, value in entry.items() if key.endswith("transformers.generate")
        ],
    }


if __name__ == "__main__":
    settings_file, out = map(Path, sys.argv[1:])
    out.write_text(json.dumps(train(json.loads(settings_file.read_text()))))
