"""Supervised training of the tiny network on answers to prompts: the warm start of everything that RL trains here."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from rm_train.models.tiny.muon import Muon


@dataclass(frozen=True, slots=True)
class Pace:
    """How long and how fast the training goes."""

    steps: int = 400
    batch_size: int = 16
    matrix_lr: float = 0.01
    other_lr: float = 3e-3


@dataclass(frozen=True, slots=True)
class Example:
    """A prompt, and the answer to learn, in tokens."""

    prompt: list[int]
    answer: list[int]


def teach(
    model: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    examples: list[Example],
    rng: random.Random,
    pace: Pace,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Minimise the cross-entropy of the answers: Muon on the hidden matrices, Adam on the rest.

    Args:
        model: What learns; in training mode only meanwhile.
        tokenizer: For its padding.
        examples: At least a batch of them.
        rng: Their order.
        pace: How long and how fast.
        progress: Called with steps done and steps in all.
    """
    embeddings = model.get_input_embeddings().weight
    matrices = [p for p in model.parameters() if p.dim() == 2 and p is not embeddings]
    others = [p for p in model.parameters() if p.dim() < 2 or p is embeddings]
    optimizers = [
        Muon(matrices, lr=pace.matrix_lr),
        torch.optim.AdamW(others, lr=pace.other_lr, betas=(0.9, 0.98), weight_decay=0.0),
    ]
    schedules = [torch.optim.lr_scheduler.LambdaLR(o, lambda step: _schedule(step, pace.steps)) for o in optimizers]
    model.train()
    batches = _batches(examples, pace.batch_size, rng)
    for step in range(pace.steps):
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
            progress(step + 1, pace.steps)
    model.eval()


def _schedule(step: int, steps: int) -> float:
    """Return the share of the learning rate: 20 steps of warm-up, then a cosine down to a tenth."""
    return min(1.0, (step + 1) / 20) * (0.55 + 0.45 * math.cos(math.pi * step / steps))


def _batches(examples: list[Example], size: int, rng: random.Random) -> Iterator[list[Example]]:
    """Yield batches for ever, in a new order each time round."""
    while True:
        order = rng.sample(examples, len(examples))
        yield from (order[start : start + size] for start in range(0, len(order) - size + 1, size))


def _pad(batch: list[Example], pad: int) -> tuple[torch.Tensor, torch.Tensor]:
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
