"""What the plug-in costs in verl's reward workers, beyond verl's own manager with a function that does nothing.

    python scripts/bench/plugin.py [--samples 8192] [--workers 8]

verl's real `RewardLoopManager` scores the same random answers several ways in one run; the CPU time is that of its
worker processes, from the system's counters. The rewards cost nothing to speak of, so what is left is overhead.
"""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import numpy as np
import psutil
import ray
import torch
import verl
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from rich.console import Console
from rich.table import Table
from tensordict import TensorDict
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast
from verl import DataProto
from verl.experimental.reward_loop import RewardLoopManager

PROMPT, ANSWER = 64, 256
"""Tokens of a prompt and of an answer."""
OURS = "pkg://reward_fn.adapters.verl"
REWARD = {"reward": "regex_match", "pattern": "w1"}
MANAGER = [
    "reward.reward_manager.source=importlib",
    "reward.reward_manager.name=GalleryRewardManager",
    f"reward.reward_manager.module.path={OURS}",
]
NOTHING = "async def compute_score(**_): return {'score': 0.0}\n"


def tokenizer(folder: Path) -> None:
    """Write a tokenizer of 1,000 words."""
    vocabulary = {word: place for place, word in enumerate(["<unk>", "<end>", *(f"w{i}" for i in range(998))])}
    inner = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<end>", pad_token="<end>").save_pretrained(folder)


def rows(count: int) -> DataProto:
    """Return random answers in the shape of verl's rollouts."""
    generator = torch.Generator().manual_seed(0)
    responses = torch.randint(2, 1000, (count, ANSWER), generator=generator)

    def column(value: object) -> Any:  # noqa: ANN401 - an array of objects
        array = np.empty(count, dtype=object)
        array[:] = [value] * count
        return array

    return DataProto(
        batch=TensorDict(
            {
                "prompts": torch.full((count, PROMPT), 7),
                "responses": responses,
                "attention_mask": torch.ones((count, PROMPT + ANSWER), dtype=torch.long),
            },
            batch_size=count,
        ),
        non_tensor_batch={
            "data_source": column("bench"),
            "reward_model": column({"ground_truth": "4"}),
            "extra_info": np.array([{"index": index} for index in range(count)], dtype=object),
            "raw_prompt": column([{"role": "user", "content": "w2 w3"}]),
        },
    )


def measured(
    data: DataProto, workers: int, folder: Path, *overrides: str, kwargs: dict[str, Any]
) -> tuple[float, float]:
    """Return the seconds that the batch took, and the CPU seconds of the workers."""
    with initialize_config_dir(str(Path(verl.__file__).parent / "trainer" / "config"), version_base=None):
        settings = [f"reward.num_workers={workers}", f"actor_rollout_ref.model.path={folder}"]
        config = compose("ppo_trainer", [*settings, f"data.max_response_length={ANSWER}", *overrides])
    OmegaConf.update(config, "reward.custom_reward_function.reward_kwargs", kwargs, force_add=True)
    manager = RewardLoopManager(config)
    try:
        manager.compute_rm_score(data[: 16 * workers])  # the workers import and build what they need
        processes = [
            one for one in psutil.process_iter(["cmdline"]) if "RewardLoopWorker" in " ".join(one.info["cmdline"])
        ]
        before = [sum(one.cpu_times()[:2]) for one in processes]
        start = time.perf_counter()
        manager.compute_rm_score(data)
        seconds = time.perf_counter() - start
        return seconds, sum(sum(one.cpu_times()[:2]) for one in processes) - sum(before)
    finally:
        for worker in manager.reward_loop_workers:
            ray.kill(worker)


@click.command()
@click.option("--samples", default=8192, show_default=True, help="Answers to score.")
@click.option("--workers", default=8, show_default=True, help="verl's reward workers.")
@click.option("--rounds", default=2, show_default=True, help="How often each way is tried; the cheapest counts.")
def main(samples: int, workers: int, rounds: int) -> None:
    """Compare the ways, and print the CPU time of a sample in each."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        tokenizer(folder / "model")
        (folder / "nothing.py").write_text(NOTHING)
        function = "reward.custom_reward_function.path"
        ways: dict[str, tuple[list[str], dict[str, Any]]] = {
            "verl's naive manager, a function that does nothing": ([f"{function}={folder}/nothing.py"], {}),
            "verl's naive manager, our compute_score": ([f"{function}={OURS}"], REWARD),
            "GalleryRewardManager": ([f"{function}={OURS}", *MANAGER], REWARD),
        }
        ray.init(num_cpus=workers, include_dashboard=False, log_to_driver=False)
        data = rows(samples)
        best: dict[str, tuple[float, float]] = {}
        for _ in range(rounds):
            for way, (overrides, kwargs) in ways.items():
                found = measured(data, workers, folder / "model", *overrides, kwargs=kwargs)
                best[way] = min(best.get(way, found), found, key=lambda pair: pair[1])
        ray.shutdown()
    table = Table(title=f"{samples:,} answers of {ANSWER} tokens, {workers} reward workers")
    for heading in ("way", "seconds", "CPU ms a sample", "beyond the first"):
        table.add_column(heading, justify="left" if heading == "way" else "right")
    base = next(iter(best.values()))[1]
    for way, (seconds, cpu) in best.items():
        beyond = f"{(cpu - base) / samples * 1e3:+.3f}"
        table.add_row(way, f"{seconds:.1f}", f"{cpu / samples * 1e3:.3f}", beyond)
    Console().print(table)


if __name__ == "__main__":
    main()
