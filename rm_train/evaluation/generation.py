"""Greedy answers of a causal LM, in batches, the same way on a laptop and on a GPU.

Two judges can only be compared if their answers were made in one way. Sampling would add noise to every figure, and
a model folder may carry sampling settings of its own (temperature, repetition penalty), so those are put aside here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from transformers import GenerationConfig

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

Prompt = Sequence[Mapping[str, object]]
"""The messages of one chat."""

BATCH_TOKENS = 32_768
"""Tokens of a batch at most, padding and answers included: the KV cache of 4.5 GiB for a judge like Qwen3-8B."""

Progress = Callable[[int, int], None]
"""Called with the prompts that are done and all prompts."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model wrote.

    Attributes:
        text: Without special tokens.
        tokens: How many tokens it generated, with the one that ended the answer.
        cut: Whether it was stopped at the length limit, before it ended its answer.
    """

    text: str
    tokens: int
    cut: bool


class PromptTooLongError(ValueError):
    """Prompts leave no room for the answer in the model's context.

    Attributes:
        positions: Which of the prompts, in order.
    """

    def __init__(self, message: str, positions: Sequence[int]) -> None:
        super().__init__(message)
        self.positions = tuple(positions)


def greedy_answers(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[Prompt],
    *,
    names: Sequence[str] | None = None,
    max_new_tokens: int = 256,
    batch_size: int = 64,
    progress: Progress | None = None,
) -> list[Answer]:
    """Answer every prompt greedily, on the device and in the dtype of the model.

    Prompts run sorted by length, longest first, so that batches need little padding and one that does not fit in
    memory fails at once. The answers come in the order of the prompts.

    Args:
        model: In evaluation mode.
        tokenizer: With a chat template and an end-of-sequence token.
        prompts: Chats that end with the user's turn.
        names: What to call each prompt in an error; by default its position.
        max_new_tokens: Limit of an answer, in tokens.
        batch_size: Prompts at a time, or as many as `BATCH_TOKENS` allows.
        progress: Called after each batch.

    Raises:
        PromptTooLongError: Prompts with `max_new_tokens` more do not fit in the model's context.
        ValueError: The tokenizer has no chat template or nothing that ends an answer, or a limit is not positive.
    """
    if max_new_tokens < 1 or batch_size < 1:
        raise ValueError(f"max_new_tokens ({max_new_tokens}) and batch_size ({batch_size}) must be at least 1")
    encoded = encode_prompts(tokenizer, prompts)
    if long := _too_long(model, encoded, max_new_tokens):
        first = long[0]
        raise PromptTooLongError(
            f"{names[first] if names else f'prompt {first}'}: the prompt has {len(encoded[first])} tokens; with "
            f"{max_new_tokens} for the answer it does not fit in the model's context of {context_length(model)} "
            f"({len(long)} of {len(encoded)} prompts are too long)",
            long,
        )
    ends = _end_tokens(model, tokenizer)
    pad = tokenizer.pad_token_id if isinstance(tokenizer.pad_token_id, int) else min(ends)
    config = GenerationConfig(
        do_sample=False,
        num_beams=1,
        max_new_tokens=max_new_tokens,
        eos_token_id=sorted(ends),
        pad_token_id=pad,
        bos_token_id=tokenizer.bos_token_id,
    )
    answers: dict[int, Answer] = {}
    # Typed as a Tensor or a module attribute in the stubs, since it comes from a mixin.
    generate: Any = model.generate
    with _own_settings_aside(model, config), torch.inference_mode():
        for batch in batches([len(tokens) for tokens in encoded], batch_size, max_new_tokens):
            inputs = _left_padded([encoded[position] for position in batch], pad, model.device)
            output = generate(**inputs, generation_config=config)
            generated = output[:, inputs["input_ids"].shape[1] :].tolist()
            answers.update(zip(batch, _read(tokenizer, generated, ends), strict=True))
            if progress is not None:
                progress(len(answers), len(prompts))
    return [answers[position] for position in range(len(prompts))]


def batches(lengths: Sequence[int], batch_size: int, max_new_tokens: int) -> Iterator[list[int]]:
    """Yield the positions of prompts that run together, longest first.

    Args:
        lengths: Of the prompts, in tokens.
        batch_size: The most prompts of a batch. A batch with its padding and answers has no more than `BATCH_TOKENS`
            tokens either, unless it is a single prompt.
        max_new_tokens: Limit of an answer, in tokens.
    """
    order = sorted(range(len(lengths)), key=lambda position: lengths[position], reverse=True)
    start = 0
    while start < len(order):
        room = BATCH_TOKENS // (lengths[order[start]] + max_new_tokens)
        end = start + max(1, min(batch_size, room))
        yield order[start:end]
        start = end


def encode_prompts(tokenizer: PreTrainedTokenizerBase, prompts: Sequence[Prompt]) -> list[list[int]]:
    """Return the tokens of each prompt in the tokenizer's chat format, up to where the answer begins.

    Raises:
        ValueError: The tokenizer has no chat template.
    """
    if not tokenizer.chat_template:
        raise ValueError("the tokenizer has no chat template, so it is not known how to ask this model a question")
    # What it returns depends on its arguments in ways that its annotation cannot say.
    apply: Any = tokenizer.apply_chat_template
    return [
        apply([dict(turn) for turn in prompt], add_generation_prompt=True, tokenize=True, return_dict=False)
        for prompt in prompts
    ]


def context_length(model: PreTrainedModel) -> int | None:
    """Return how many tokens the model's positions reach; None if its config does not say."""
    limit = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    return limit if isinstance(limit, int) and limit > 0 else None


def prompts_that_fit(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, prompts: Sequence[Prompt], max_new_tokens: int
) -> list[int]:
    """Return the positions of the prompts that leave room for an answer of `max_new_tokens` in the model's context.

    Raises:
        ValueError: The tokenizer has no chat template.
    """
    long = set(_too_long(model, encode_prompts(tokenizer, prompts), max_new_tokens))
    return [position for position in range(len(prompts)) if position not in long]


def _too_long(model: PreTrainedModel, encoded: Sequence[Sequence[int]], max_new_tokens: int) -> list[int]:
    context = context_length(model)
    if context is None:
        return []
    return [position for position, tokens in enumerate(encoded) if len(tokens) + max_new_tokens > context]


def _end_tokens(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> set[int]:
    """Chat models often end a turn with another token than a text: whatever either side calls an end is one."""
    ends: set[int] = set()
    settings = model.generation_config
    for stated in (tokenizer.eos_token_id, settings.eos_token_id if settings is not None else None):
        if isinstance(stated, int):
            ends.add(stated)
        elif stated is not None:
            ends.update(stated)
    if not ends:
        raise ValueError("neither the tokenizer nor the model says which token ends an answer")
    return ends


@contextmanager
def _own_settings_aside(model: PreTrainedModel, config: GenerationConfig) -> Iterator[None]:
    """Put the model's own generation settings aside: `generate` fills what `config` leaves open from them."""
    own = model.generation_config
    model.generation_config = config
    try:
        yield
    finally:
        model.generation_config = own


def _left_padded(rows: Sequence[Sequence[int]], pad: int, device: torch.device) -> dict[str, torch.Tensor]:
    """Pad on the left, so that every answer begins right after its prompt."""
    width = max(map(len, rows))
    return {
        "input_ids": torch.tensor([[pad] * (width - len(row)) + list(row) for row in rows], device=device),
        "attention_mask": torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows], device=device),
    }


def _read(tokenizer: PreTrainedTokenizerBase, generated: Sequence[list[int]], ends: set[int]) -> list[Answer]:
    lengths = [next((i for i, token in enumerate(row) if token in ends), None) for row in generated]
    texts = tokenizer.batch_decode(
        [row[:length] for row, length in zip(generated, lengths, strict=True)], skip_special_tokens=True
    )
    return [
        Answer(text, len(row) if length is None else length + 1, cut=length is None)
        for text, row, length in zip(texts, generated, lengths, strict=True)
    ]
