"""Prompts and answers that fit: in the model's context, in a micro-batch, and in `data.max_prompt_length`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from omegaconf import DictConfig, OmegaConf

from rm_train.launch.checks.data_files import too_few_rows, training_files
from rm_train.launch.checks.model_files import ModelFiles, model_folder
from rm_train.launch.checks.problem import Problem, warning

_PROMPT, _RESPONSE = "data.max_prompt_length", "data.max_response_length"
_ACTOR, _ROLLOUT = "actor_rollout_ref.actor", "actor_rollout_ref.rollout"

Prompt = Sequence[Mapping[str, str]]


def length_problems(config: DictConfig) -> list[Problem]:
    """Find limits within which a prompt and an answer do not fit together."""
    prompt, response = config.data.max_prompt_length, config.data.max_response_length
    folder = model_folder(str(config.actor_rollout_ref.model.path))
    limits = {"the model's context": ModelFiles(folder).context if folder else None}
    names = [f"{_ROLLOUT}.max_model_len"]
    if config.actor_rollout_ref.actor.use_dynamic_bsz:
        names += [f"{_ACTOR}.ppo_max_token_len_per_gpu", f"{_ROLLOUT}.log_prob_max_token_len_per_gpu"]
    limits |= {name: OmegaConf.select(config, name) for name in names}
    return [_too_long(prompt, response, name, limit) for name, limit in limits.items()
            if type(limit) is int and prompt + response > limit]  # fmt: skip


def _too_long(prompt: int, response: int, name: str, limit: int) -> Problem:
    total = prompt + response
    what = f"{prompt} and {_RESPONSE} {response} make {total} tokens, more than {name} ({limit})"
    raised = f", or write {name}={total}" if name.startswith("actor_rollout_ref.") else ""
    return Problem(_PROMPT, what, f"shorten them by {total - limit} tokens{raised}")


def prompt_problems(config: DictConfig) -> list[Problem]:
    """Find how many training rows have a longer prompt than `data.max_prompt_length`; call it after preparation.

    A prompt is counted as the model gets it: with the judging prompt and in the model's chat template.
    """
    files = [path for path in training_files(config) if path.suffix == ".parquet" and path.is_file()]
    if not files or config.data.custom_cls.path is not None:
        return []
    limit, batch = config.data.max_prompt_length, config.data.train_batch_size
    rows = sum(pq.read_metadata(path).num_rows for path in files)
    prompts = (prompt for path in files for prompt in _prompts(path, config.data.prompt_key))
    try:
        counter = _token_counter(config)
    except (OSError, ValueError) as error:
        return [Problem("base_model_path", f"its tokenizer cannot be loaded ({str(error).splitlines()[0]})",
                        "give a model folder, or a name on a hub that can be reached")]  # fmt: skip
    long = count_long(prompts, counter, limit)
    filtered = config.data.filter_overlong_prompts
    left = rows - long if filtered else rows
    if left < batch:
        return [too_few_rows("data.train_files", left, batch)]
    if not long:
        return []
    what = f"{long} of {rows} training rows ({long / rows:.1%}) have a longer prompt than {limit} tokens"
    longer = f"write {_PROMPT}=… with a larger number"
    if filtered:
        return [warning(_PROMPT, f"{what} and are left out", f"to train on them, {longer}")]
    kind = warning if config.data.truncation == "left" else Problem
    return [kind(_PROMPT, f"{what}; verl would cut off where they begin, and the judge's instructions with it",
                 f"leave them out with data.filter_overlong_prompts=true, or {longer}")]  # fmt: skip


def count_long(prompts: Iterator[Prompt], tokens: Callable[[Prompt], int], limit: int) -> int:
    """Count the prompts of more than `limit` tokens.

    A token stands for one byte or more, so most prompts need not be tokenized: their bytes, with what the template
    puts around empty messages, are few enough.
    """
    frames: dict[tuple[str, ...], int] = {}
    long = 0
    for prompt in prompts:
        roles = tuple(message["role"] for message in prompt)
        if roles not in frames:
            frames[roles] = tokens([{"role": role, "content": ""} for role in roles])
        size = sum(len(message["content"].encode()) for message in prompt)
        long += frames[roles] + size > limit and tokens(prompt) > limit
    return long


def _token_counter(config: DictConfig) -> Callable[[Prompt], int]:
    from transformers import AutoTokenizer

    model = config.actor_rollout_ref.model
    tokenizer = AutoTokenizer.from_pretrained(
        model.tokenizer_path or model.path, trust_remote_code=model.trust_remote_code
    )
    if model.custom_chat_template is not None:
        tokenizer.chat_template = model.custom_chat_template
    options: dict[str, Any] = dict(config.data.apply_chat_template_kwargs)

    def count(prompt: Prompt) -> int:
        encoded = tokenizer.apply_chat_template(
            list(prompt), add_generation_prompt=True, tokenize=True, return_dict=False, **options
        )
        return len(encoded)

    return count


def _prompts(path: Path, column: str) -> Iterator[Prompt]:
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(1000, columns=[column]):
            yield from batch.column(0).to_pylist()
