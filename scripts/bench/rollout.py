"""Rollout tokens a second: our batch generator, alone and behind its scheduler, against plain batched `model.generate`.

All have the same weights, prompts, threads and answer lengths, draw every token from the model's own distribution, and
take turns in one process. With unequal lengths most answers are short and a few long, as in RL of models that think;
`generate` is told to end each row at its length, and goes on until the longest has ended.
"""

from __future__ import annotations

import asyncio
import os
import random
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import click
import torch
from common import CONSOLE, machine, model_folder, write_json
from rich.progress import Progress
from rich.table import Table
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, StoppingCriteria, StoppingCriteriaList
from transformers.utils.logging import disable_progress_bar

from reward_fn.judges.pointwise import pointwise_messages
from rm_train.cpu import attention
from rm_train.cpu.generation import BatchGenerator, Request
from rm_train.cpu.sampling import SamplingParams
from rm_train.cpu.scheduler import Scheduler
from rm_train.data.synthetic import generate_rows

AIM = {"equal": 0.9, "unequal": 1.5}
"""The least that ours may have, in generate's tokens a second."""

Prompt = tuple[int, ...]
Rollout = Callable[[Sequence[Prompt], Sequence[int]], int]
"""Prompts and the number of tokens that each shall have -> how many there are in all."""


class _EndEach(StoppingCriteria):
    """Ends each row at a length of its own."""

    def __init__(self, width: int, lengths: Sequence[int]) -> None:
        self._ends = torch.tensor(lengths) + width

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **kwargs: object) -> torch.Tensor:
        return input_ids.shape[1] >= self._ends


def load_model(folder: Path, implementation: str) -> PreTrainedModel:
    """Return a model in float32 with an implementation of attention."""
    loaded: PreTrainedModel = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation=implementation
    ).eval()
    return loaded


def load_generator(folder: Path) -> BatchGenerator:
    """Return our generator with a model as the rollout server loads it."""
    attention.register()
    return BatchGenerator(load_model(folder, attention.NAME), eos=(), seed=0)


def plain_generate(model: PreTrainedModel, pad: int) -> Rollout:
    """Return transformers' own: one batch, padded on the left, that runs until its last row has ended."""

    @torch.inference_mode()
    def rollout(prompts: Sequence[Prompt], lengths: Sequence[int]) -> int:
        width = max(map(len, prompts))
        tokens = torch.tensor([(pad,) * (width - len(prompt)) + prompt for prompt in prompts])
        mask = torch.tensor([(0,) * (width - len(prompt)) + (1,) * len(prompt) for prompt in prompts])
        output = model.generate(  # type: ignore[operator]
            input_ids=tokens,
            attention_mask=mask,
            do_sample=True,
            temperature=1.0,
            top_k=0,
            top_p=1.0,
            eos_token_id=None,
            pad_token_id=pad,
            max_new_tokens=max(lengths),
            stopping_criteria=StoppingCriteriaList([_EndEach(width, lengths)]),
        )
        assert output.shape[1] == width + max(lengths)
        return sum(lengths)

    return rollout


def _requests(prompts: Sequence[Prompt], lengths: Sequence[int]) -> list[Request]:
    return [
        Request(prompt, SamplingParams(max_tokens=length, ignore_eos=True))
        for prompt, length in zip(prompts, lengths, strict=True)
    ]


def our_generator(generator: BatchGenerator) -> Rollout:
    """Return the generator by itself."""
    return lambda prompts, lengths: sum(len(c.tokens) for c in generator.generate(_requests(prompts, lengths)))


@contextmanager
def our_scheduler(generator: BatchGenerator, threads: int) -> Iterator[Rollout]:
    """Yield the generator behind the scheduler of the rollout server: requests come one by one, without Ray."""
    loop = asyncio.new_event_loop()
    scheduler = Scheduler(generator, 1024, 2**40, lambda: torch.set_num_threads(threads))

    async def all_of(prompts: Sequence[Prompt], lengths: Sequence[int]) -> int:
        scheduler.start()
        completions = await asyncio.gather(*map(scheduler.complete, _requests(prompts, lengths)))
        return sum(len(completion.tokens) for completion in completions)

    yield lambda prompts, lengths: loop.run_until_complete(all_of(prompts, lengths))
    loop.run_until_complete(scheduler.close())
    loop.close()


def judging_prompts(folder: Path, count: int, copies: int) -> list[Prompt]:
    """Return tokens of prompts that ask for a judgment of synthetic answers, each several times."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    rows = generate_rows(count, seed=0)
    chats = [pointwise_messages([{"role": "user", "content": row.prompt}], row.response) for row in rows]
    encoded = tokenizer.apply_chat_template(chats, add_generation_prompt=True)["input_ids"]
    return [tuple(tokens) for tokens in encoded for _ in range(copies)]


def unequal_lengths(count: int, longest: int) -> list[int]:
    """Return lengths that are spread evenly on a logarithmic scale, from 4 to the longest, in a fixed random order."""
    lengths = [round(4 * (longest / 4) ** (rank / (count - 1))) for rank in range(count)]
    random.Random(0).shuffle(lengths)
    return lengths


def take_turns(
    sides: Mapping[str, Rollout], prompts: Sequence[Prompt], lengths: Sequence[int], repeats: int
) -> dict[str, list[float]]:
    """Return the seconds of each turn of each side; a turn that is not measured comes first.

    Raises:
        ClickException: A side has not made the tokens it was asked for.
    """
    seconds: dict[str, list[float]] = {side: [] for side in sides}
    with Progress(console=CONSOLE, transient=True, disable=not CONSOLE.is_terminal) as bar:
        for turn in bar.track(range(repeats + 1), description="rolling out"):
            for side, rollout in sides.items():
                began = time.perf_counter()
                count = rollout(prompts, lengths)
                if turn:
                    seconds[side].append(time.perf_counter() - began)
                if count != sum(lengths):
                    raise click.ClickException(f"{side} made {count} tokens instead of {sum(lengths)}")
    return seconds


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--model", type=click.Choice(["tiny", "smollm2"]), default="tiny", show_default=True)
@click.option("--prompts", type=click.IntRange(1), default=8, show_default=True)
@click.option("--rollouts", type=click.IntRange(2), default=4, show_default=True, help="Rollouts of each prompt.")
@click.option(
    "--tokens", type=click.IntRange(8), default=32, show_default=True, help="Tokens of answers of one length."
)
@click.option("--longest", type=click.IntRange(8), default=128, show_default=True,
              help="Tokens of the longest of the unequal answers; the shortest have 4.")  # fmt: skip
@click.option("--repeats", type=click.IntRange(1), default=5, show_default=True, help="Measured turns of each side.")
@click.option("--threads", type=click.IntRange(1), default=os.cpu_count() or 1, show_default=True)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Where the figures go, as JSON.")
def main(
    model: str, prompts: int, rollouts: int, tokens: int, longest: int, repeats: int, threads: int, out: Path | None
) -> None:
    """Measure rollout tokens a second against plain batched model.generate."""
    folder, before = model_folder(model), machine()
    disable_progress_bar()
    torch.set_num_threads(threads)
    plain, generator = load_model(folder, "sdpa"), load_generator(folder)
    asked = judging_prompts(folder, prompts, rollouts)
    workloads = {"equal": [tokens] * len(asked), "unequal": unequal_lengths(len(asked), longest)}
    with our_scheduler(generator, threads) as through_scheduler:
        sides = {
            "generate": plain_generate(plain, plain.config.pad_token_id),
            "generator": our_generator(generator),
            "scheduler": through_scheduler,
        }
        seconds = {name: take_turns(sides, asked, lengths, repeats) for name, lengths in workloads.items()}
    title = f"{model}: {prompts} prompts x {rollouts} rollouts, {threads} threads"
    table = Table("lengths", "side", "tokens/s", "times generate", title=title)
    figures: dict[str, dict[str, float]] = {}
    for name, lengths in workloads.items():
        rates = {side: sum(lengths) / statistics.median(times) for side, times in seconds[name].items()}
        figures[name] = rates
        for side, rate in rates.items():
            table.add_row(
                f"{name} ({min(lengths)} to {max(lengths)})", side, f"{rate:.0f}", f"{rate / rates['generate']:.2f}"
            )
    CONSOLE.print(table)
    aims = ", ".join(f"at least {least} on {name} lengths" for name, least in AIM.items())
    CONSOLE.print(f"aim: {aims}")
    write_json(out, {"model": model, "title": title, "tokens_per_s": figures, "seconds": seconds, "machine": before})


if __name__ == "__main__":
    main()
