"""Teaches the tiny judge to read and to judge, but leniently: what RL then has to mend.

The warm start's reasons name the facts and are right; its scores are too kind and noisy, as prompted LLM judges are.
RL can calibrate such a judge to the human scale and visibly does; from a warm start that is unbiased but
under-trained, the same RL stays flat for the minutes that a laptop has.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers.utils.logging import disable_progress_bar

from reward_fn.judges.pointwise import PointwiseVerdict, format_pointwise, pointwise_messages
from rm_train.data.synthetic import generate_rows, read_facts, write_reason
from rm_train.files import atomic_folder
from rm_train.models.tiny.architecture import build_model, build_tokenizer
from rm_train.models.tiny.teaching import Example, Pace, teach

_SEED_OFFSET = 1_000_003
"""Keeps the warm start's rows apart from those that runs train and evaluate on."""


@dataclass(frozen=True, slots=True)
class WarmStart(Pace):
    """How much is taught, and at what pace; the defaults take under two minutes on two cores."""

    prompts: int = 3200


def lenient_score(true_score: int, rng: random.Random) -> int:
    """Return the score of a kind and noisy judge: mostly a point too high, at times right or two points too high.

    The kindness is marked enough that the random drift of a training run without signal (shuffled targets) does not
    undo it, and the right score common enough to be sampled, found and reinforced.
    """
    if rng.random() < 0.08:
        return rng.randrange(5)
    return min(4, true_score + rng.choices((0, 1, 2), weights=(8, 84, 8))[0])


def build_tiny_judge(
    folder: Path, seed: int, settings: WarmStart = WarmStart(), progress: Callable[[int, int], None] | None = None
) -> None:
    """Build the tokenizer and the model, teach it, and save both as a Hugging Face folder; nothing half-written stays.

    Args:
        folder: Where the model goes.
        seed: The same seed gives the same judge on one machine.
        settings: How much to teach.
        progress: Called with steps done and steps in all.
    """
    rng = random.Random(seed + _SEED_OFFSET)
    texts = []
    for row in generate_rows(settings.prompts, seed + _SEED_OFFSET):
        facts = read_facts(row.prompt, row.response)
        verdict = PointwiseVerdict(lenient_score(sum(facts.values()), rng), write_reason(facts))
        messages = pointwise_messages([{"role": "user", "content": row.prompt}], row.response)
        texts.append((messages, format_pointwise(verdict)))
    tokenizer = build_tokenizer(
        f"{messages[0]['role']} {messages[0]['content']} assistant {answer}" for messages, answer in texts
    )
    prompts = tokenizer.apply_chat_template([messages for messages, _ in texts], add_generation_prompt=True)
    answers = tokenizer([answer + tokenizer.eos_token for _, answer in texts])
    examples = [Example(p, a) for p, a in zip(prompts["input_ids"], answers["input_ids"], strict=True)]
    torch.manual_seed(seed)
    model = build_model(tokenizer)
    teach(model, tokenizer, examples, rng, settings, progress)
    # Stored as verl.model_merger stores the trained judge, so that both are compared at the same precision.
    model.to(torch.bfloat16)
    disable_progress_bar()
    with atomic_folder(folder) as temporary:
        model.save_pretrained(temporary)
        tokenizer.save_pretrained(temporary)
