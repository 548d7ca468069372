"""From questions and the answers to learn to a tiny judge in a folder, whatever it judges."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from transformers.utils.logging import disable_progress_bar

from reward_fn.judges.verdict_text import Message
from rm_train.files import atomic_folder
from rm_train.models.tiny.architecture import build_model, build_tokenizer
from rm_train.models.tiny.teaching import Example, Pace, teach

Lesson = tuple[Sequence[Message], str]
"""What a judge is asked, and what it is to answer."""


def build_judge(
    folder: Path,
    seed: int,
    lessons: Sequence[Lesson],
    rng: random.Random,
    pace: Pace,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Build the tokenizer and the model, teach it, and save both as a Hugging Face folder; nothing half-written stays.

    Args:
        folder: Where the model goes.
        seed: Of the model's first weights; with the same lessons, the same seed gives the same judge on one machine.
        lessons: What it learns.
        rng: The order in which it does.
        pace: How long and how fast.
        progress: Called with steps done and steps in all.
    """
    tokenizer = build_tokenizer(
        f"{messages[0]['role']} {messages[0]['content']} assistant {answer}" for messages, answer in lessons
    )
    prompts = tokenizer.apply_chat_template([messages for messages, _ in lessons], add_generation_prompt=True)
    answers = tokenizer([answer + tokenizer.eos_token for _, answer in lessons])
    examples = [Example(p, a) for p, a in zip(prompts["input_ids"], answers["input_ids"], strict=True)]
    torch.manual_seed(seed)
    model = build_model(tokenizer)
    teach(model, tokenizer, examples, rng, pace, progress)
    # Stored as verl.model_merger stores the trained judge, so that both are compared at the same precision.
    model.to(torch.bfloat16)
    disable_progress_bar()
    with atomic_folder(folder) as temporary:
        model.save_pretrained(temporary)
        tokenizer.save_pretrained(temporary)
