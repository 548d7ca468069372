"""Continues a batch of prompts with a transformers model on the CPU.

What makes it fast where there are few cores: the rollouts of one prompt read it once, prompts of like length are read
together, nothing in the loop is done sequence by sequence, and finished sequences leave the batch.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from threading import Event
from typing import Literal

import torch
from transformers import PreTrainedModel
from transformers.cache_utils import Cache, DynamicCache

from rm_train.cpu import kv_cache
from rm_train.cpu.sampling import Sampler, SamplingParams

NO_TOKEN = -1
"""Fills the rows of the table of stop tokens; no token has this number."""


@dataclass(frozen=True, slots=True)
class Request:
    """A prompt to continue and how."""

    prompt: tuple[int, ...]
    params: SamplingParams


@dataclass(frozen=True, slots=True)
class Completion:
    """What a prompt was continued with; the last token may be the one that stopped it."""

    tokens: list[int]
    log_probs: list[float]
    stop_reason: Literal["completed", "length", "aborted"]


class _Batch:
    """The sequences that are still in the batch, and what all sequences have got so far."""

    def __init__(self, requests: Sequence[Request], eos: frozenset[int]) -> None:
        steps = max(request.params.max_tokens for request in requests)
        self.tokens = torch.zeros((len(requests), steps), dtype=torch.long)
        self.log_probs = torch.zeros((len(requests), steps))
        self.lengths = torch.zeros(len(requests), dtype=torch.long)
        self.stopped = torch.zeros(len(requests), dtype=torch.bool)
        self.rows = torch.arange(len(requests))
        self.active = torch.ones(len(requests), dtype=torch.bool)
        self._limits = torch.tensor([request.params.max_tokens for request in requests])
        stops = [self._stops(request.params, eos) for request in requests]
        width = max(map(len, stops))
        self._stops_table = torch.tensor([row + [NO_TOKEN] * (width - len(row)) for row in stops], dtype=torch.long)

    @staticmethod
    def _stops(params: SamplingParams, eos: frozenset[int]) -> list[int]:
        return [*params.stop_token_ids, *(() if params.ignore_eos else eos)]

    def add(self, tokens: torch.Tensor, log_probs: torch.Tensor, step: int) -> None:
        """Append a token to each sequence in the batch and note which sequences that ends."""
        # Sequences that have ended are written too, past their length: cheaper than leaving them out.
        self.tokens[self.rows, step] = tokens
        self.log_probs[self.rows, step] = log_probs
        self.lengths[self.rows] += self.active.long()
        stopped = self.active & (tokens[:, None] == self._stops_table).any(-1)
        self.stopped[self.rows] |= stopped
        self.active = self.active & ~stopped & (self._limits > step + 1)

    def compact(self) -> torch.Tensor:
        """Drop the sequences that have ended and return the places of the others."""
        kept = self.active.nonzero().squeeze(-1)
        self.rows, self.active = self.rows[kept], self.active[kept]
        self._limits, self._stops_table = self._limits[kept], self._stops_table[kept]
        return kept

    def completions(self) -> list[Completion]:
        """Return what each sequence has got; those still active were cut off."""
        unfinished = set(self.rows[self.active].tolist())
        columns = (self.tokens, self.log_probs, self.lengths, self.stopped)
        return [
            Completion(
                tokens=tokens[:length],
                log_probs=log_probs[:length],
                stop_reason="aborted" if row in unfinished else "completed" if stopped else "length",
            )
            for row, (tokens, log_probs, length, stopped) in enumerate(zip(*(c.tolist() for c in columns), strict=True))
        ]


class BatchGenerator:
    """Generates with one model; not for use by several threads at once.

    Args:
        model: A causal language model of transformers, in evaluation mode.
        eos: The tokens that end a sequence.
        seed: Seeds the sampling: the same batches in the same order get the same tokens.
        max_prefill_tokens: The most tokens of prompts, with padding, that the model reads at once.
    """

    def __init__(self, model: PreTrainedModel, eos: Iterable[int], seed: int, max_prefill_tokens: int = 8192) -> None:
        kv_cache.check_supported(model.config)
        self._model = model
        self._eos = frozenset(eos)
        self._generator = torch.Generator().manual_seed(seed)
        self._max_prefill_tokens = max_prefill_tokens

    @torch.inference_mode()
    def generate(self, requests: Sequence[Request], abort: Event | None = None) -> list[Completion]:
        """Continue all prompts.

        Args:
            requests: At least one request, in any order: the order does not change what is sampled.
            abort: Ends the generation early when set; sequences keep what they have got.

        Returns:
            One completion for each request, in their order.
        """
        order = sorted(range(len(requests)), key=lambda index: (len(requests[index].prompt), requests[index].prompt))
        ordered = [requests[index] for index in order]
        completions = self._generate([*ordered], abort or Event())
        return [completion for _, completion in sorted(zip(order, completions, strict=True), key=lambda pair: pair[0])]

    def _generate(self, requests: Sequence[Request], abort: Event) -> list[Completion]:
        batch = _Batch(requests, self._eos)
        sampler = Sampler([request.params for request in requests], self._generator)
        lengths = torch.tensor([len(request.prompt) for request in requests])
        width = int(lengths.max())
        logits, cache = self._prefill(requests, width)
        mask = torch.arange(width) >= width - lengths[:, None]
        positions = lengths[:, None]
        for step in range(batch.tokens.shape[1]):
            tokens, log_probs = sampler(logits)
            batch.add(tokens, log_probs, step)
            if not batch.active.any() or abort.is_set():
                break
            if 2 * int(batch.active.sum()) <= len(batch.active):
                kept = batch.compact()
                sampler.keep(kept)
                cache.batch_select_indices(kept)
                tokens, mask, positions = tokens[kept], mask[kept], positions[kept]
            mask = torch.nn.functional.pad(mask, (0, 1), value=True)
            logits = self._forward(tokens[:, None], mask, positions, cache)
            positions = positions + 1
        return batch.completions()

    def _forward(self, tokens: torch.Tensor, mask: torch.Tensor, positions: torch.Tensor, cache: Cache) -> torch.Tensor:
        """Return the logits after each row's last token."""
        output = self._model(
            input_ids=tokens,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        logits: torch.Tensor = output.logits[:, -1].float()
        return logits

    def _prefill(self, requests: Sequence[Request], width: int) -> tuple[torch.Tensor, Cache]:
        """Read each different prompt once; return every request's logits and the cache of them all."""
        # Requests are sorted by prompt, so those of one prompt follow one another.
        copies = Counter(request.prompt for request in requests)
        parts, logits, row = [], [], 0
        for prompts in self._parts(list(copies)):
            part_width = len(prompts[-1])
            padding = [part_width - len(prompt) for prompt in prompts]
            tokens = torch.tensor([(0,) * pad + prompt for pad, prompt in zip(padding, prompts, strict=True)])
            positions = torch.arange(part_width) - torch.tensor(padding)[:, None]
            cache = DynamicCache(config=self._model.config)
            part_logits = self._forward(tokens, positions >= 0, positions.clamp(min=0), cache)
            source = torch.arange(len(prompts)).repeat_interleave(torch.tensor([copies[prompt] for prompt in prompts]))
            parts.append(kv_cache.PrefilledPrompts(cache, source, slice(row, row + len(source))))
            logits.append(part_logits[source])
            row += len(source)
        return torch.cat(logits), kv_cache.merge(parts, len(requests), width)

    def _parts(self, prompts: Sequence[tuple[int, ...]]) -> list[list[tuple[int, ...]]]:
        """Cut prompts, shortest first, into parts that fit the limit when padded to their longest."""
        parts: list[list[tuple[int, ...]]] = []
        for prompt in prompts:
            if not parts or (len(parts[-1]) + 1) * len(prompt) > self._max_prefill_tokens:
                parts.append([])
            parts[-1].append(prompt)
        return parts
