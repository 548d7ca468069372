"""Teaches the tiny judge to read and to judge, but leniently: what RL then has to mend.

The warm start's reasons name the facts and are right; its scores are too kind and noisy, as prompted LLM judges are.
RL can calibrate such a judge to the human scale and visibly does; from a warm start that is unbiased but
under-trained, the same RL stays flat for the minutes that a laptop has.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast
from transformers.utils.logging import disable_progress_bar

from reward_fn.judges.pointwise import PointwiseVerdict, format_pointwise, pointwise_messages
from rm_train.data.synthetic import generate_rows, read_facts, write_reason
from rm_train.files import atomic_folder
from rm_train.models.tiny.architecture import build_model, build_tokenizer
from rm_train.models.tiny.muon import Muon

_SEED_OFFSET = 1_000_003
"""Keeps the warm start's rows apart from those that runs train and evaluate on."""


@dataclass(frozen=True, slots=True)
class WarmStart:
    """How long and how fast the supervised training goes; the defaults take under two minutes on two cores."""

    prompts: int = 3200
    steps: int = 400
    batch_size: int = 16
    matrix_lr: float = 0.01
    other_lr: float = 3e-3


@dataclass(frozen=True, slots=True)
class _Example:
    prompt: list[int]
    answer: list[int]


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
    examples = [_Example(p, a) for p, a in zip(prompts["input_ids"], answers["input_ids"], strict=True)]
    torch.manual_seed(seed)
    model = build_model(tokenizer)
    _train(model, tokenizer, examples, rng, settings, progress)
    # Stored as verl.model_merger stores the trained judge, so that both are compared at the same precision.
    model.to(torch.bfloat16)
    disable_progress_bar()
    with atomic_folder(folder) as temporary:
        model.save_pretrained(temporary)
        tokenizer.save_pretrained(temporary)


def _train(
    model: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    examples: list[_Example],
    rng: random.Random,
    settings: WarmStart,
    progress: Callable[[int, int], None] | None,
) -> None:
    """Minimise the cross-entropy of the answers: Muon on the hidden matrices, Adam on the rest."""
    embeddings = model.get_input_embeddings().weight
    matrices = [p for p in model.parameters() if p.dim() == 2 and p is not embeddings]
    others = [p for p in model.parameters() if p.dim() < 2 or p is embeddings]
    optimizers = [
        Muon(matrices, lr=settings.matrix_lr),
        torch.optim.AdamW(others, lr=settings.other_lr, betas=(0.9, 0.98), weight_decay=0.0),
    ]
    schedules = [torch.optim.lr_scheduler.LambdaLR(o, lambda step: _schedule(step, settings.steps)) for o in optimizers]
    model.train()
    batches = _batches(examples, settings.batch_size, rng)
    for step in range(settings.steps):
        tokens, is_answer = _pad(next(batches), tokenizer.pad_token_id)
        hidden = model.model(tokens).last_hidden_state[:, :-1]
        targets = is_answer[:, 1:]
        loss = torch.nn.functional.cross_entropy(model.lm_head(hidden[targets]), tokens[:, 1:][targets])
        model.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer, schedule in zip(optimizers, schedules, strict=True):
            optimizer.step()
            schedule.step()
        if progress is not None:
            progress(step + 1, settings.steps)
    model.eval()


def _schedule(step: int, steps: int) -> float:
    """Return the share of the learning rate: 20 steps of warm-up, then a cosine down to a tenth."""
    return min(1.0, (step + 1) / 20) * (0.55 + 0.45 * math.cos(math.pi * step / steps))


def _batches(examples: list[_Example], size: int, rng: random.Random) -> Iterator[list[_Example]]:
    """Yield batches for ever, in a new order each time round."""
    while True:
        order = rng.sample(examples, len(examples))
        yield from (order[start : start + size] for start in range(0, len(order) - size + 1, size))


def _pad(batch: list[_Example], pad: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return tokens and whether each belongs to an answer, both (batch, longest), padded on the right."""
    # Padding on the right needs no attention mask in a causal model: no answer can see it.
    longest = max(len(e.prompt) + len(e.answer) for e in batch)
    tokens = torch.full((len(batch), longest), pad)
    is_answer = torch.zeros((len(batch), longest), dtype=torch.bool)
    for row, example in enumerate(batch):
        start, end = len(example.prompt), len(example.prompt) + len(example.answer)
        tokens[row, :end] = torch.tensor(example.prompt + example.answer)
        is_answer[row, start:end] = True
    return tokens, is_answer
