"""Continues prompts with a transformers model on the CPU, in a batch that sequences join and leave at any token.

What makes it fast where there are few cores: the rollouts of one prompt read it once, prompts of like length are read
together, and no time goes to sequences that have ended.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from random import Random
from threading import Event
from typing import Literal

import torch
from transformers import PreTrainedModel
from transformers.cache_utils import Cache, DynamicCache

from rm_train.cpu.kv_cache import BatchCache
from rm_train.cpu.sampling import Sampler, SamplingParams

Decode = Callable[[list[int]], str]
"""Turns tokens into text."""

StopReason = Literal["completed", "length", "aborted"]


@dataclass(frozen=True, slots=True)
class Request:
    """A prompt to continue and how."""

    prompt: tuple[int, ...]
    params: SamplingParams


class Completion:
    """What a prompt has been continued with so far.

    Attributes:
        request: What was asked for.
        tokens: The new tokens; the last one may be the one that stopped it.
        log_probs: Their log-probabilities, of the distribution that they were drawn from.
        stop_reason: Why there will be no more; None while it is running.
        epoch: The generator's epoch when it began; None before the first.
    """

    __slots__ = ("epoch", "log_probs", "request", "stop_reason", "tokens")

    def __init__(self, request: Request) -> None:
        self.request = request
        self.tokens: list[int] = []
        self.log_probs: list[float] = []
        self.stop_reason: StopReason | None = None
        self.epoch: int | None = None


class _Running:
    """A completion in the batch, with what decides its next token and its end."""

    __slots__ = ("_decode", "_longest_stop", "_stop_tokens", "completion", "uniform")

    def __init__(self, completion: Completion, eos: frozenset[int], decode: Decode | None, random: Random) -> None:
        params = completion.request.params
        if params.stop and decode is None:
            raise ValueError(f"stop strings need a tokenizer: {params.stop}")
        self.completion = completion
        self.uniform = random.random
        self._stop_tokens = frozenset(params.stop_token_ids) | (frozenset() if params.ignore_eos else eos)
        self._decode = decode
        self._longest_stop = max((len(stop.encode()) for stop in params.stop), default=0)

    def add(self, token: int, log_prob: float) -> bool:
        """Append a token and return whether that ends the sequence."""
        completion = self.completion
        completion.tokens.append(token)
        completion.log_probs.append(log_prob)
        if token in self._stop_tokens or (self._longest_stop and self._has_stop_string()):
            completion.stop_reason = "completed"
        elif len(completion.tokens) == completion.request.params.max_tokens:
            completion.stop_reason = "length"
        return completion.stop_reason is not None

    def _has_stop_string(self) -> bool:
        # A token is at least one byte, so the string is in the last tokens; a few more, because decoding may treat the
        # first of its tokens in a way of its own.
        assert self._decode is not None
        tail = self._decode(self.completion.tokens[-self._longest_stop - 4 :])
        return any(stop in tail for stop in self.completion.request.params.stop)


class BatchGenerator:
    """Generates with one model; not for use by several threads at once.

    What a request gets depends on the seed, the epoch, its prompt and parameters, and how many requests with this
    prompt the epoch has had before: not on what else is in the batch, nor on when it came. (Up to rounding: matrices of
    another size are multiplied in another order.)

    Args:
        model: A causal language model of transformers, in evaluation mode.
        eos: The tokens that end a sequence.
        seed: Seeds the sampling.
        max_prefill_tokens: The most tokens of prompts, with padding, that the model reads at once.
        decode: The tokenizer's; needed for stop strings only.

    Attributes:
        epoch: The training step of the weights; None for those that the model came with.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        eos: Iterable[int],
        seed: int,
        max_prefill_tokens: int = 8192,
        decode: Decode | None = None,
    ) -> None:
        self._model = model
        self._eos = frozenset(eos)
        self._seed = seed
        self._max_prefill_tokens = max_prefill_tokens
        self._decode = decode
        self._seen: Counter[tuple[int, ...]] = Counter()
        self.epoch: int | None = None
        self._clear()

    def _clear(self) -> None:
        self._running: list[_Running] = []
        self._sampler = Sampler()
        self._cache = BatchCache(self._model.config)
        self._logits = torch.zeros(0, self._model.config.get_text_config().vocab_size)
        self._positions = torch.zeros((0, 1), dtype=torch.long)

    @property
    def running(self) -> int:
        """The number of sequences in the batch."""
        return len(self._running)

    @property
    def bytes_per_token(self) -> int:
        """What a token of a sequence in the batch takes of memory."""
        config = self._model.config.get_text_config()
        size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        return int(2 * config.num_hidden_layers * config.num_key_value_heads * size * self._model.dtype.itemsize)

    def begin_epoch(self, number: int) -> None:
        """Draw anew for prompts that have been continued before, as a function of this number (a training step)."""
        self.epoch = number
        self._seen.clear()

    def _random(self, request: Request) -> Random:
        if request.params.seed is not None:
            return Random(request.params.seed)
        self._seen[request.prompt] += 1
        return Random(repr((self._seed, self.epoch, self._seen[request.prompt], request.prompt)))

    @torch.inference_mode()
    def join(self, completions: Iterable[Completion]) -> None:
        """Read prompts and take their completions into the batch, for `advance` to add to.

        Raises:
            ValueError: There are stop strings and no tokenizer. The batch is as before.
        """
        joining = [
            _Running(completion, self._eos, self._decode, self._random(completion.request))
            for completion in completions
        ]
        copies: dict[tuple[int, ...], list[_Running]] = {}
        for one in joining:
            one.completion.epoch = self.epoch
            copies.setdefault(one.completion.request.prompt, []).append(one)
        for prompts in self._parts(sorted(copies, key=len)):
            self._prefill(prompts, [copies[prompt] for prompt in prompts])

    def _parts(self, prompts: Sequence[tuple[int, ...]]) -> list[list[tuple[int, ...]]]:
        """Cut prompts, shortest first, into parts that fit the limit when padded to their longest."""
        parts: list[list[tuple[int, ...]]] = []
        for prompt in prompts:
            if not parts or (len(parts[-1]) + 1) * len(prompt) > self._max_prefill_tokens:
                parts.append([])
            parts[-1].append(prompt)
        return parts

    def _prefill(self, prompts: Sequence[tuple[int, ...]], copies: Sequence[Sequence[_Running]]) -> None:
        """Read different prompts together, and add the sequences that continue each of them."""
        lengths = torch.tensor([len(prompt) for prompt in prompts])
        width = len(prompts[-1])
        tokens = torch.tensor([(0,) * (width - len(prompt)) + prompt for prompt in prompts])
        positions = torch.arange(width) - (width - lengths)[:, None]
        cache = DynamicCache(config=self._model.config)
        logits = self._forward(tokens, positions >= 0, positions.clamp(min=0), cache)
        source = torch.arange(len(prompts)).repeat_interleave(torch.tensor([len(several) for several in copies]))
        self._cache.join(cache, lengths, source)
        joining = [one for several in copies for one in several]
        self._sampler.join([one.completion.request.params for one in joining])
        self._logits = torch.cat([self._logits, logits[source]])
        self._positions = torch.cat([self._positions, lengths[source, None]])
        self._running += joining

    @torch.inference_mode()
    def advance(self) -> list[Completion]:
        """Give every sequence in the batch its next token; return those that this ends, which leave."""
        uniform = [one.uniform() for one in self._running]
        tokens, log_probs = self._sampler(self._logits, uniform)
        going_on: list[int] = []
        ended: list[int] = []
        for row, (one, token, log_prob) in enumerate(zip(self._running, tokens, log_probs, strict=True)):
            (ended if one.add(token, log_prob) else going_on).append(row)
        left = [self._running[row].completion for row in ended]
        if ended:
            self._keep(going_on, ended)
        if not self._running:
            self._logits = self._logits[:0]
        else:
            self._cache.grow()
            last = torch.tensor([one.completion.tokens[-1:] for one in self._running])
            self._logits = self._forward(last, self._cache.mask(), self._positions, self._cache)
            self._cache.advance()
            self._positions = self._positions + 1
        return left

    @torch.inference_mode()
    def remove(self, completions: Iterable[Completion]) -> None:
        """End sequences in the batch with what they have got; those that are not in it are let be."""
        unwanted = set(completions)
        rows = [row for row, one in enumerate(self._running) if one.completion in unwanted]
        if rows:
            for row in rows:
                self._running[row].completion.stop_reason = "aborted"
            kept = self._keep([row for row in range(len(self._running)) if row not in set(rows)], rows)
            self._logits = self._logits[kept]

    def remove_all(self) -> None:
        """End all sequences with what they have got; works after an error in the model too."""
        for one in self._running:
            one.completion.stop_reason = "aborted"
        self._clear()

    def _keep(self, kept: Sequence[int], removed: Sequence[int]) -> torch.Tensor:
        """Remove rows of all but the logits; the last rows take their places, so that few rows move.

        Returns:
            The rows that stay, in their new order.
        """
        count = len(kept)
        holes = [row for row in removed if row < count]
        order = list(range(count))
        for hole, mover in zip(holes, kept[count - len(holes) :], strict=True):
            order[hole] = mover
        rows = torch.tensor(order, dtype=torch.long)
        self._cache.keep(rows)
        self._sampler.keep(rows)
        self._positions = self._positions[rows]
        self._running = [self._running[row] for row in order]
        return rows

    def generate(self, requests: Sequence[Request], abort: Event | None = None) -> list[Completion]:
        """Continue prompts to their ends.

        Args:
            requests: In any order.
            abort: Ends the generation early when set; sequences keep what they have got.

        Returns:
            One completion for each request, in their order.
        """
        completions = [Completion(request) for request in requests]
        self.join(completions)
        while self._running:
            if abort is not None and abort.is_set():
                self.remove_all()
            else:
                self.advance()
        return completions

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
